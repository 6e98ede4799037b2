"""What --peers and --rows choose. It needs no framework: python3 -m unittest contest.test_select"""

import unittest

from . import contender, rows


class Select(unittest.TestCase):
    def test_peers(self):
        everybody = [contender.Contender(name, "1", None) for name in ("copy", "ours", "PyTorch mul", "PyTorch dropout")]
        for words, want in (([], "copy ours PyTorch mul PyTorch dropout"),
                            (["pytorch"], "ours PyTorch mul PyTorch dropout"),
                            (["MUL", "copy"], "copy ours PyTorch mul"),
                            (["ours"], "ours")):
            with self.subTest(words=words):
                self.assertEqual(" ".join(c.name for c in contender.select(everybody, words)), want)
        for words in (["nosuch"], ["mul", "nosuch"]):
            with self.subTest(words=words), self.assertRaisesRegex(ValueError, "'nosuch', want .* copy, ours, PyTorch mul"):
                contender.select(everybody, words)

    def test_names_of_rows(self):
        names = [row.name for row in rows.ROWS]
        self.assertEqual(len(set(names)), len(names))
        for row in rows.ROWS:
            with self.subTest(row=row.name):
                self.assertEqual(bool(row.activation), row.family == "fused")
                self.assertEqual(bool(row.reads), row.work == "fuse-backward")
                self.assertEqual(bool(row.mask), row.family == "compact")

    def test_families(self):
        for words, want in (("fuse", "fused"), ("gather", "compact"), ("scatter", "compact"), ("apply", "core")):
            with self.subTest(words=words):
                chosen = rows.select([words], False)
                self.assertEqual({row.family for row in chosen}, {want})
                self.assertEqual({row.family for row in rows.select([words], True)}, {want})

    def test_rows(self):
        self.assertEqual(rows.select([], False), rows.ROWS)
        self.assertEqual(rows.select([rows.ROWS[-1].name], False), [rows.ROWS[-1]])
        quick = rows.select([], True)
        self.assertTrue(0 < len(quick) < len(rows.ROWS) and all(row.quick for row in quick))
        slow = next(row for row in rows.ROWS if not row.quick)
        for patterns in (["nosuch"], [slow.name, "nosuch"], [slow.name + " nosuch"]):
            with self.subTest(patterns=patterns), self.assertRaisesRegex(ValueError, "nosuch"):
                rows.select(patterns, False)
        with self.assertRaisesRegex(ValueError, "no quick row"):
            rows.select([slow.name], True)


if __name__ == "__main__":
    unittest.main()
