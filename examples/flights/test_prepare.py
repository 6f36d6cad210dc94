"""Tests of the flights example: `python3 -m unittest discover examples/flights`. They need no network."""

import csv
import io
import tempfile
import unittest
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import expected
import joins
import prepare
from prepare import format_utc, late_label, parse_utc

FIXTURE = Path(__file__).parents[2] / "Tests" / "Fixtures" / "flights"

FLIGHT_COLUMNS = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
# Rows of the source, as they are there.
PLAIN = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"
SPRING = "2013,3,9,2306,2145,81,203,34,89,B6,35,N658JB,JFK,PBI,141,1028,21,45,2013-03-10T02:00:00Z"
TO_PUERTO_RICO = "2013,1,1,544,545,-1,1004,1022,-18,B6,725,N804JB,JFK,BQN,183,1576,5,45,2013-01-01T10:00:00Z"
CANCELLED = "2013,1,2,NA,1545,NA,NA,1910,NA,AA,133,NA,JFK,LAX,NA,2475,15,45,2013-01-02T20:00:00Z"


def flight(line: str = PLAIN, **changes: str) -> dict[str, str]:
    """A row of flights.csv, with some columns changed."""
    return dict(zip(FLIGHT_COLUMNS.split(","), line.split(","), strict=True)) | changes


class Joins(unittest.TestCase):
    def test_each_join_has_what_it_promises_and_what_it_delivers(self):
        def metrics(auc: float, loss: float) -> dict[str, float]:
            return {"auc": auc, "log_loss": loss}

        trained = {
            "metrics": {"base": metrics(0.5, 0.538), "new": metrics(0.718, 0.481)},
            "naive": {"day": {"promised": metrics(0.969, 0.173), "delivered": metrics(0.589, 1.027)}},
        }
        self.assertEqual(
            joins.rows(trained), [("as of", 0.718, 0.718, 0.481), ("calendar day", 0.969, 0.589, 1.027)]
        )
        lines = joins.table(trained).splitlines()
        self.assertEqual(lines[2].split(), ["calendar", "day", "0.969", "0.589", "1.027"])
        self.assertIn("0.538", lines[3])


class Times(unittest.TestCase):
    def test_times_are_written_as_they_are_read(self):
        for text in ("2012-12-31T23:59:00Z", "2013-03-01T00:00:00Z", "1969-12-31T23:01:00Z"):
            self.assertEqual(format_utc(parse_utc(text)), text)


class Rows(unittest.TestCase):
    def test_a_flight_keeps_its_row_number_and_null_is_empty(self):
        zones = {"IAH": "America/Chicago", "LAX": "America/Los_Angeles"}
        rows = list(prepare.flight_rows([(7, flight()), (9, flight(CANCELLED))], zones))
        self.assertEqual(
            [",".join(row) for row in rows],
            [
                "7,2013-01-01T10:15:00Z,UA,1545,N14228,EWR,IAH,America/Chicago,2,227,830,11",
                "9,2013-01-02T20:45:00Z,AA,133,,JFK,LAX,America/Los_Angeles,,,,",
            ],
        )

    def test_the_label_is_asked_an_hour_before_the_scheduled_departure(self):
        (row,) = prepare.spine_rows([flight()])
        self.assertEqual(row, ("EWR", "IAH", "N14228", "UA", "1545", "2013-01-01T09:15:00Z", "0"))

    def test_late_means_more_than_15_minutes_and_unknown_is_null(self):
        delays = {"15": "0", "16": "1", "-30": "0", "NA": ""}
        self.assertEqual({delay: late_label(flight(arr_delay=delay)) for delay in delays}, delays)

    def test_a_cancelled_flight_without_tail_number_is_in_the_spine(self):
        (row,) = prepare.spine_rows([flight(CANCELLED)])
        self.assertEqual(row, ("JFK", "LAX", "", "AA", "133", "2013-01-02T19:45:00Z", ""))

    def test_days_are_chosen_by_the_local_date_inclusively(self):
        first, last = date(2013, 3, 9), date(2013, 3, 9)
        self.assertTrue(prepare.within(flight(SPRING), first, last))
        self.assertFalse(prepare.within(flight(PLAIN), first, last))


class Join(unittest.TestCase):
    """The rule of the as-of join, on a view with a delay of 1 h and a TTL of 3 h."""

    view = expected.View("weather", ("origin",), {"temp": float}, delay=3600, ttl=3 * 3600)

    def look_up(self, label: int, *times: int) -> tuple[str, tuple[str, ...] | None]:
        events = expected.Events(list(times), [(f"row {i}",) for i in range(len(times))])
        return expected.look_up(self.view, events, label * 3600)

    def test_both_bounds_are_inclusive(self):
        self.assertEqual(self.look_up(10, 9 * 3600), ("matched", ("row 0",)))
        self.assertEqual(self.look_up(10, 9 * 3600 + 1), ("missing", None))
        self.assertEqual(self.look_up(10, 7 * 3600), ("matched", ("row 0",)))
        self.assertEqual(self.look_up(10, 7 * 3600 - 1), ("expired", None))

    def test_of_equal_times_the_later_row_wins(self):
        self.assertEqual(self.look_up(10, 8 * 3600, 8 * 3600, 10 * 3600), ("matched", ("row 1",)))

    def test_a_null_key_or_label_time_matches_nothing(self):
        table = {("EWR",): expected.Events([0], [("1.0",)]), ("",): expected.Events([0], [("2.0",)])}
        spine = [
            {"origin": "EWR", "label_time": "1970-01-01T02:00:00Z"},
            {"origin": "", "label_time": "1970-01-01T02:00:00Z"},
            {"origin": "EWR", "label_time": ""},
        ]
        counts = {"weather": {"matched": 0, "missing": 0, "expired": 0}}
        rows = list(expected.join(spine, [(self.view, table)], counts))
        self.assertEqual([row[-1] for row in rows], ["1.0", "", ""])
        self.assertEqual(counts["weather"], {"matched": 1, "missing": 2, "expired": 0})

    def test_a_join_on_the_latest_values_takes_what_was_not_known_yet(self):
        table = {("EWR",): expected.Events([0, 7200], [("1.0",), ("2.0",)])}
        spine = [{"origin": "EWR", "label_time": f"1970-01-01T0{hour}:00:00Z"} for hour in (1, 2, 3)]
        self.assertEqual(
            expected.naive(spine, [(self.view, table)]),
            {"weather": {"rows": 3, "future_rows": 2, "values": 3, "future_values": 2}},
        )


class Fixture(unittest.TestCase):
    def test_the_committed_training_set_is_what_the_committed_rows_give(self):
        with tempfile.TemporaryDirectory() as folder:
            out, counts = Path(folder, "expected.csv"), Path(folder, "expected.json")
            expected.main([str(FIXTURE), "--out", str(out), "--counts", str(counts)])
            self.assertEqual(out.read_bytes(), (FIXTURE / "expected.csv").read_bytes())
            self.assertEqual(counts.read_bytes(), (FIXTURE / "expected.json").read_bytes())

    def test_a_source_folder_gives_the_four_files(self):
        with tempfile.TemporaryDirectory() as folder:
            source, out = Path(folder, "source"), Path(folder, "out")
            source.mkdir()
            lines = (FLIGHT_COLUMNS, SPRING, PLAIN, TO_PUERTO_RICO)
            (source / "flights.csv").write_text("\n".join(lines) + "\n")
            (source / "airports.csv").write_text("faa,tzone\nPBI,America/New_York\nIAH,America/Chicago\nXXX,NA\n")
            (source / "planes.csv").write_text(
                "tailnum,year,type,manufacturer,model,engines,seats,speed,engine\nN658JB,NA,Jet,A,B,2,99,NA,Fan\n"
                "N1,2000,Jet,A,B,2,99,NA,Fan\n"
            )
            (source / "weather.csv").write_text(
                "origin,year,month,day,hour,temp,dewp,humid,wind_dir,wind_speed,wind_gust,precip,pressure,visib,"
                "time_hour\nJFK,2013,3,10,3,37.04,32,1,NA,2.5,NA,0,1e3,10,2013-03-10T07:00:00Z\n"
            )
            with redirect_stdout(io.StringIO()):
                prepare.main([str(out), "--source", str(source)])
            written = {path.name: list(csv.reader(path.read_text().splitlines()))[1:] for path in out.iterdir()}
        self.assertEqual(written["weather.csv"][0][1:6], ["2013-03-10T07:00:00Z", "37.04", "32", "1", ""])
        self.assertEqual(written["aircraft.csv"], [["N658JB", prepare.FACTS_TIME, *",Jet,A,B,2,99,,Fan".split(",")]])
        self.assertEqual(
            [row[:2] + row[7:8] for row in written["flights.csv"]],
            [
                ["1", "2013-03-10T02:45:00Z", "America/New_York"],
                ["2", "2013-01-01T10:15:00Z", "America/Chicago"],
                ["3", "2013-01-01T10:45:00Z", "America/Puerto_Rico"],
            ],
        )
        self.assertEqual(
            [row[5] for row in written["spine.csv"]],
            ["2013-03-10T01:45:00Z", "2013-01-01T09:15:00Z", "2013-01-01T09:45:00Z"],
        )


if __name__ == "__main__":
    unittest.main()
