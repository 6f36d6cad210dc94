print("asof")
