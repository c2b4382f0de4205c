// SPDX-License-Identifier: Apache-2.0
// A zip archive: where each of its entries lies. All of them are checked against the file before anything is read.
// Nothing is decompressed: torch.save stores its entries as they are.
#pragma once
#include <cstdint>
#include <map>
#include <string>

#include "weights_io/byte_source.h"

namespace sluice {

struct ZipEntry {
  uint64_t begin = 0, bytes = 0;  // in the file
  bool compressed = false;
  uint32_t crc = 0;  // 0 where the archive gives none
};

// The entries by name, without folders. Throws Error(bad_file) for whatever no writer of checkpoints makes: names that
// are absolute, climb with '..' or are there twice, links, encryption, entries that overlap or leave the file, sizes
// that contradict each other, bytes before the first entry, archives of 4 GiB and more.
std::map<std::string, ZipEntry> read_zip(ByteSource &source);

}  // namespace sluice
