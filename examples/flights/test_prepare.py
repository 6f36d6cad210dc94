"""Tests of the flights example: `python3 -m unittest discover examples/flights`. They need no network."""

import csv
import io
import tempfile
import unittest
from contextlib import redirect_stdout
from datetime import date
from pathlib import Path

import expected
import prepare
from prepare import Summary, arrival, clock_minutes, first_reading, format_utc, late_label, parse_utc, readings

NEW_YORK = "America/New_York"
LOS_ANGELES = "America/Los_Angeles"
PUERTO_RICO = "America/Puerto_Rico"
FIXTURE = Path(__file__).parents[2] / "Tests" / "Fixtures" / "flights"

FLIGHT_COLUMNS = (
    "year,month,day,dep_time,sched_dep_time,dep_delay,arr_time,sched_arr_time,arr_delay,carrier,flight,tailnum,origin,"
    "dest,air_time,distance,hour,minute,time_hour"
)
# Rows of the source, as they are there.
PLAIN = "2013,1,1,517,515,2,830,819,11,UA,1545,N14228,EWR,IAH,227,1400,5,15,2013-01-01T10:00:00Z"
SPRING = "2013,3,9,2306,2145,81,203,34,89,B6,35,N658JB,JFK,PBI,141,1028,21,45,2013-03-10T02:00:00Z"
TO_PUERTO_RICO = "2013,1,1,544,545,-1,1004,1022,-18,B6,725,N804JB,JFK,BQN,183,1576,5,45,2013-01-01T10:00:00Z"
DIVERTED = "2013,1,1,1525,1530,-5,1934,1805,NA,MQ,4525,N719MQ,LGA,XNA,NA,1147,15,30,2013-01-01T20:00:00Z"
CANCELLED = "2013,1,2,NA,1545,NA,NA,1910,NA,AA,133,NA,JFK,LAX,NA,2475,15,45,2013-01-02T20:00:00Z"
NOT_ARRIVED = "2013,1,1,2016,1930,46,NA,2220,NA,EV,4204,N14168,EWR,OKC,NA,1325,19,30,2013-01-02T00:00:00Z"


def flight(line: str = PLAIN, **changes: str) -> dict[str, str]:
    """A row of flights.csv, with some columns changed."""
    return dict(zip(FLIGHT_COLUMNS.split(","), line.split(","), strict=True)) | changes


def arrives(zone: str, departure: str, air_time: int, arr_time: str) -> str | None:
    """The arrival of a flight that departs on time, as text."""
    row = flight(
        time_hour=departure[:14] + "00:00Z",
        minute=departure[14:16],
        dep_delay="0",
        air_time=str(air_time),
        arr_time=arr_time,
    )
    time = arrival(row, zone)
    return None if time is None else format_utc(time)


class LocalTimes(unittest.TestCase):
    def test_a_reading_is_one_time_on_an_ordinary_day(self):
        local = parse_utc("2013-01-01T05:17:00Z")
        self.assertEqual([format_utc(t) for t in readings(NEW_YORK, local)], ["2013-01-01T10:17:00Z"])

    def test_an_hour_that_is_passed_twice_has_two(self):
        local = parse_utc("2013-11-03T01:30:00Z")
        self.assertEqual(
            [format_utc(t) for t in readings(NEW_YORK, local)], ["2013-11-03T05:30:00Z", "2013-11-03T06:30:00Z"]
        )

    def test_an_hour_that_is_skipped_has_the_one_of_each_clock(self):
        local = parse_utc("2013-03-10T02:30:00Z")
        self.assertEqual(
            [format_utc(t) for t in readings(NEW_YORK, local)], ["2013-03-10T06:30:00Z", "2013-03-10T07:30:00Z"]
        )

    def test_2400_is_midnight(self):
        midnight = parse_utc("2013-01-02T05:00:00Z")  # in New York
        for text in ("2400", "0"):
            for bound in (midnight - 90, midnight):
                self.assertEqual(first_reading(NEW_YORK, clock_minutes(text), bound), midnight)

    def test_what_is_no_clock_time_is_refused(self):
        for text in ("2401", "1060", "-5", "2460"):
            with self.assertRaises(ValueError):
                clock_minutes(text)

    def test_times_are_written_as_they_are_read(self):
        for text in ("2012-12-31T23:59:00Z", "2013-03-01T00:00:00Z", "1969-12-31T23:01:00Z"):
            self.assertEqual(format_utc(parse_utc(text)), text)


class Arrivals(unittest.TestCase):
    def test_the_destinations_clock_counts(self):
        # The first flight of the data: 5:17 from Newark, 8:30 in Houston.
        self.assertEqual(format_utc(arrival(flight(), "America/Chicago")), "2013-01-01T14:30:00Z")

    def test_past_midnight_is_the_next_day(self):
        self.assertEqual(arrives(NEW_YORK, "2013-01-02T04:30:00Z", 60, "45"), "2013-01-02T05:45:00Z")

    def test_2400_ends_the_day_of_the_departure(self):
        self.assertEqual(arrives(NEW_YORK, "2013-01-02T03:30:00Z", 60, "2400"), "2013-01-02T05:00:00Z")

    def test_a_delay_over_midnight_moves_the_departure_to_the_next_day(self):
        # Scheduled at 21:30, off at 0:30, landed at 4:50 and at the gate at 5:00 in San Juan, where it is an hour later.
        row = flight(
            time_hour="2013-01-02T02:00:00Z", minute="30", dep_delay="180", air_time="200", arr_time="500"
        )
        self.assertEqual(format_utc(arrival(row, PUERTO_RICO)), "2013-01-02T09:00:00Z")

    def test_an_early_departure_before_midnight_belongs_to_the_day_before(self):
        # Scheduled at 0:05, off at 23:55, 20 minutes in the air, at the gate at 0:20.
        row = flight(
            time_hour="2013-01-02T05:00:00Z", minute="5", dep_delay="-10", air_time="20", arr_time="20"
        )
        self.assertEqual(format_utc(arrival(row, NEW_YORK)), "2013-01-02T05:20:00Z")

    def test_an_arrival_before_midnight_there_may_be_past_midnight_here(self):
        self.assertEqual(arrives(LOS_ANGELES, "2013-01-02T00:30:00Z", 345, "2250"), "2013-01-02T06:50:00Z")

    def test_an_arrival_at_departure_plus_air_time_is_possible(self):
        self.assertEqual(arrives(NEW_YORK, "2013-01-01T12:00:00Z", 60, "800"), "2013-01-01T13:00:00Z")

    def test_an_arrival_before_departure_plus_air_time_is_dropped(self):
        self.assertIsNone(arrives(NEW_YORK, "2013-01-01T12:00:00Z", 60, "759"))

    def test_the_pass_of_a_doubled_hour_is_the_first_possible_one(self):
        self.assertEqual(arrives(NEW_YORK, "2013-11-03T04:30:00Z", 45, "130"), "2013-11-03T05:30:00Z")
        self.assertEqual(arrives(NEW_YORK, "2013-11-03T04:30:00Z", 75, "130"), "2013-11-03T06:30:00Z")

    def test_a_reading_can_come_after_a_greater_one_where_the_clock_is_set_back(self):
        # Landed at 1:50, at the gate 15 minutes later, at 1:05 on the clock that was set back.
        self.assertEqual(arrives(NEW_YORK, "2013-11-03T04:50:00Z", 60, "105"), "2013-11-03T06:05:00Z")

    def test_a_skipped_hours_reading_is_that_of_the_clock_that_ran_on(self):
        # The one such row: scheduled at 0:34, 89 minutes late, written down as 2:03.
        self.assertEqual(format_utc(arrival(flight(SPRING), NEW_YORK)), "2013-03-10T07:03:00Z")
        self.assertEqual(format_utc(prepare.scheduled_arrival(flight(SPRING), NEW_YORK)), "2013-03-10T05:34:00Z")

    def test_what_has_no_arrival_is_counted_by_reason(self):
        summary = Summary()
        impossible = flight(arr_time="600")
        rows = [flight(), flight(CANCELLED), flight(DIVERTED), flight(NOT_ARRIVED), impossible]
        zones = {"IAH": "America/Chicago"}
        self.assertEqual(len(prepare.arrivals(rows, zones, summary)), 1)
        self.assertEqual(
            dict(summary.drops),
            {
                "cancelled (no departure)": 1,
                "diverted (no air_time, no arr_delay)": 1,
                "no arrival": 1,
                "arrival before departure + air_time": 1,
            },
        )

    def test_arrivals_of_one_minute_keep_the_order_of_the_source(self):
        zones = {"IAH": "America/Chicago"}
        rows = [flight(tailnum="N2"), flight(tailnum="N1"), flight(arr_time="829", tailnum="N3")]
        self.assertEqual([a.tailnum for a in prepare.arrivals(rows, zones, Summary())], ["N3", "N2", "N1"])


class Rows(unittest.TestCase):
    def test_arrivals_are_counted_per_aircraft_and_day_in_new_york(self):
        times = ("2013-01-02T04:58:00Z", "2013-01-02T04:59:00Z", "2013-01-02T05:00:00Z", "2013-01-02T06:00:00Z")
        arrived = [prepare.Arrival(parse_utc(time), "N1", "JFK", "BOS", "5") for time in times]
        arrived.append(prepare.Arrival(parse_utc(times[-1]), "N2", "JFK", "BOS", "5"))
        self.assertEqual([row[3] for row in prepare.aircraft_delay_rows(arrived)], ["1", "2", "1", "2", "1"])

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

    def test_a_source_folder_gives_the_five_files(self):
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
        self.assertEqual(written["aircraft_delays.csv"][2], ["N658JB", "2013-03-10T07:03:00Z", "89", "1"])
        self.assertEqual(written["route_delays.csv"][0], ["JFK", "BQN", "2013-01-01T14:04:00Z", "-18"])
        self.assertEqual(written["route_delays.csv"][1], ["EWR", "IAH", "2013-01-01T14:30:00Z", "11"])
        self.assertEqual(
            [row[5] for row in written["spine.csv"]],
            ["2013-03-10T01:45:00Z", "2013-01-01T09:15:00Z", "2013-01-01T09:45:00Z"],
        )


if __name__ == "__main__":
    unittest.main()
