# SPDX-License-Identifier: Apache-2.0
# Copyright The Gracekeeper authors
import os
import tempfile
import unittest
from unittest import mock

import throughput
from throughput import BLOCK


class Rate(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "read")

    def fill(self, size):
        with open(self.path, "wb") as file:
            file.write(bytes(size))

    def test_all_threads_read_all_blocks_until_the_end(self):
        self.fill(3 * BLOCK + 7)
        seen = set()
        real = os.preadv

        def preadv(fd, buffers, at):
            seen.add(at)
            return real(fd, buffers, at)

        with mock.patch("os.preadv", preadv):
            self.assertGreater(throughput.rate(self.path, 4, 0.2, flags=0), 12)
        self.assertEqual({0, BLOCK, 2 * BLOCK}, seen)

    def test_a_file_without_a_block_is_an_error(self):
        self.fill(BLOCK - 1)
        with self.assertRaises(EOFError):
            throughput.rate(self.path, 1, 0.1, flags=0)

    def test_the_error_of_a_thread_is_an_error(self):
        self.fill(BLOCK)
        with mock.patch("os.preadv", side_effect=OSError(5, "no answer")), self.assertRaises(OSError):
            throughput.rate(self.path, 2, 0.1, flags=0)


class Compare(unittest.TestCase):
    def test_the_medians_are_compared(self):
        # One round that was held up is not what the comparison is about.
        words, enough = throughput.compare(["100 100", "90 90", "100 2"], ["50 50", "60 45", "50 40"], 1, 0)
        self.assertTrue(enough)
        self.assertEqual("0.90 of the reference before, 0.90 after: 1.00 of it", words)

    def test_less_than_most_of_it_is_not_enough(self):
        self.assertTrue(throughput.compare(["10 10"], ["10 8"], 1, 0)[1])
        self.assertFalse(throughput.compare(["10 10"], ["10 7.9"], 1, 0)[1])

    def test_a_slower_machine_is_in_both(self):
        self.assertTrue(throughput.compare(["10 5"], ["2 1"], 1, 0)[1])

    def test_a_round_without_all_numbers_is_an_error(self):
        with self.assertRaises((IndexError, ValueError)):
            throughput.compare(["10 5"], ["2"], 1, 0)


if __name__ == "__main__":
    unittest.main()
