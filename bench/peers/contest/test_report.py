"""What reports say of results. It needs no framework: python3 -m unittest contest.test_report"""

import unittest

from . import report, rows


def result(work, ratios, commit=None, payload=4e5):
    """A row of results, with the ratio of each contender in warm calls."""
    measured = {name: {"ns": {"median": 1000.0 * ratio}, "ratio": {"median": ratio, "q1": ratio, "q3": ratio}}
                for name, ratio in dict(ratios, ours=1.0).items()}
    variant = {"fuse": ["ReLU"], "gather": ["ragged"]}.get(work, [])
    found = {"row": {"work": work, "payload": payload, "stage": "stage", "batch": 1, "channels": 2, "spatial": [3],
                     "dtype": "float32", "layout": "NCHW", "place": "out", "rate": 0.5, "variant": variant},
             "threads": 1, "bounds": [], "measured": {"warm": measured}}
    return dict(found, commit=commit) if commit else found


class Report(unittest.TestCase):
    def test_families_are_apart(self):
        results = {"rows": {"1": result("apply", {"A": 2.0}), "2": result("layer", {"A": 8.0}),
                            "3": result("fuse", {"A": 16.0, report.SEPARATE: 1.5}), "4": result("gather", {"B": 32.0})}}
        for family, want in (("core", {"A": 4.0}), ("fused", {report.SEPARATE: 1.5, "A": 16.0}), ("compact", {"B": 32.0})):
            with self.subTest(family=family):
                found = report.geometric_means(results, family)
                self.assertEqual(list(found), list(want))
                for name, mean in want.items():
                    self.assertAlmostEqual(found[name]["warm"][1], mean)

    def test_sections(self):
        results = {"rows": {"1": result("apply", {"A": 2.0}), "2": result("fuse", {"A": 3.0, report.SEPARATE: 1.5})}}
        plain = "\n".join(report.section(results, "apply", "Forward"))
        self.assertIn("## Forward", plain)
        self.assertNotIn("separate", plain)
        fused = report.section(results, "fuse", "Fused")
        head, line, row = fused[2:5]
        self.assertEqual(len({text.count("|") for text in (head, line, row)}), 1)
        self.assertIn("| ReLU | 1 | ", row)
        self.assertIn("| 1.50 (1.50–1.50) | A | ", row)
        self.assertEqual(report.section(results, "gather", "Kept"), [])

    def test_sizes(self):
        results = {"rows": {"1": result("fuse", {"A": 2.0}), "2": result("fuse", {"A": 8.0}),
                            "3": result("fuse", {"A": 1.5}, payload=102e6), "4": result("apply", {"A": 100.0})}}
        self.assertIn("| A | 4.00 | – | – | – | 1.50 | 1.50 |", report.sizes(results, "fused"))
        self.assertEqual(report.sizes(results, "compact"), [])

    def test_every_row_has_a_class_of_size(self):
        largest = max(row.payload for row in rows.ROWS if row.family != "core")
        self.assertLessEqual(largest, report.CLASSES[-1] * 1e6)

    def test_commits(self):
        one, other = result("apply", {}, "aaa"), result("fuse", {}, "bbb")
        self.assertEqual(report.commits({"commit": "ccc", "rows": {"1": result("apply", {})}}), "ccc")
        self.assertEqual(report.commits({"commit": "ccc", "rows": {"1": one, "2": one, "3": other}}),
                         "aaa (2) and bbb (1)")


if __name__ == "__main__":
    unittest.main()
