"""How the script of a lane counts what it checks, and the line that it ends with."""
passed = failed = 0


def check(what, problem):
    """Counts; `problem` = what is wrong, or nothing."""
    global passed, failed
    if problem:
        failed += 1
        print(f"FAILED: {what}\n    " + str(problem).replace("\n", "\n    "))
    else:
        passed += 1
        print(f"passed: {what}")


def finish(lane):
    """Prints the line that the frame of lanes reads; what the script is to exit with."""
    print(f"{lane}: {passed} passed, {failed} failed")
    return 1 if failed or not passed else 0
