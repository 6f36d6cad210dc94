"""Debian's Chromium without a window, told what to do by its debugging protocol over two pipes: no library is needed."""
import base64
import json
import os
import select
import subprocess
import tempfile
import time


class Browser:
    def __init__(self):
        (theirs_in, ours_out), (ours_in, theirs_out) = os.pipe(), os.pipe()
        self.profile = tempfile.TemporaryDirectory(prefix="asof-browser-")
        # Root has no sandbox; the only pages that are shown are those of the server under test.
        command = ("exec chromium-headless-shell --no-sandbox --disable-gpu --remote-debugging-pipe --hide-scrollbars "
                   f"--user-data-dir={self.profile.name} about:blank 3<&{theirs_in} 4>&{theirs_out}")
        self.process = subprocess.Popen(["bash", "-c", command], pass_fds=(theirs_in, theirs_out), stderr=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL)
        os.close(theirs_in)
        os.close(theirs_out)
        self.input, self.output, self.rest, self.number = ours_in, ours_out, b"", 0
        self.events, self.session = [], None
        target = self.ask("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.ask("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            self.ask(f"{domain}.enable")

    def take(self, end):
        """The next message; SystemExit where none comes in time."""
        while b"\0" not in self.rest:
            if not select.select([self.input], [], [], max(0, end - time.monotonic()))[0]:
                raise SystemExit("browser: no answer in time")
            some = os.read(self.input, 1 << 20)
            if not some:
                raise SystemExit("browser: it has ended")
            self.rest += some
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def ask(self, method, **parameters):
        self.number += 1
        message = {"id": self.number, "method": method, "params": parameters}
        if self.session:
            message["sessionId"] = self.session
        data = json.dumps(message).encode() + b"\0"
        while data:
            data = data[os.write(self.output, data):]
        end = time.monotonic() + 60
        while True:
            answer = self.take(end)
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"browser: {method}: {answer['error']}")
                return answer["result"]
            self.events.append(answer)

    def open(self, url, width, is_dark):
        """Shows a page; what it said on the console, errors of loading and refusals by its policy among it."""
        self.ask("Emulation.setDeviceMetricsOverride", width=width, height=800, deviceScaleFactor=1, mobile=width < 500)
        self.ask("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}])
        self.events.clear()
        self.ask("Page.navigate", url=url)
        end = time.monotonic() + 60
        while not any(event.get("method") == "Page.loadEventFired" for event in self.events):
            self.events.append(self.take(end))
        self.value("new Promise(done => requestAnimationFrame(() => setTimeout(done, 0)))")
        loud = ("Log.entryAdded", "Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Network.loadingFailed")
        return [json.dumps(event["params"])[:400] for event in self.events if event.get("method") in loud]

    def value(self, expression):
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise SystemExit(f"browser: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def screenshot(self, file):
        size = self.ask("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        file.write_bytes(base64.b64decode(self.ask("Page.captureScreenshot", captureBeyondViewport=True, clip=clip)["data"]))

    def close(self):
        self.process.terminate()
        self.process.wait(30)
        self.profile.cleanup()
