// SPDX-License-Identifier: Apache-2.0
// Calls of the C library that write files, as the tests of checkpoints see them: failed on demand, and recorded. The
// linker puts the wrappers of system_calls.cpp in front of the real functions.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace sluice::testing {

// Fails call number `at` of one function (and all later ones of it, if `on`), or only counts.
struct Fault {
  std::string function;
  int at = -1, number = 0, seen = 0;
  bool on = false, short_write = false;

  bool hits(const char *called) {
    if (function != called) return false;
    const int now = seen++;
    return now == at || (on && now > at && at >= 0);
  }
};
extern Fault fault;

// What reached the file system, in order. Files are told apart by number: a name may come to mean another file.
struct DiskCall {
  enum Kind { create, write, sync, rename, remove, sync_folder, mark };
  Kind kind;
  int file = -1;        // create, write, sync
  std::string name;     // create, remove, rename: the old name
  std::string to;       // rename
  uint64_t offset = 0;  // write
  std::vector<std::byte> bytes;
  int value = 0;  // mark: of the test's own
};

// Recorded while it is not null; calls for names outside `folder` are left out.
extern std::vector<DiskCall> *disk_calls;
extern std::string disk_folder;

}  // namespace sluice::testing
