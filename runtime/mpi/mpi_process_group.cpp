// SPDX-License-Identifier: Apache-2.0
// The group of processes that an MPI launcher started: mpirun, srun. A module of its own; its one symbol is at the end.
// Errors of MPI end all processes, with its message: the default of the standard.
#include <mpi.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "runtime/process_group.h"

namespace sluice {
namespace {

constexpr size_t kMostBytes = size_t{1} << 30;  // of one call: counts are int

class MpiProcessGroup : public ProcessGroup {
 public:
  MpiProcessGroup() {
    int provided = 0;
    MPI_Init_thread(nullptr, nullptr, MPI_THREAD_FUNNELED, &provided);
    MPI_Comm_rank(MPI_COMM_WORLD, &rank_);
    MPI_Comm_size(MPI_COMM_WORLD, &size_);
    MPI_Comm machine = MPI_COMM_NULL;
    MPI_Comm_split_type(MPI_COMM_WORLD, MPI_COMM_TYPE_SHARED, 0, MPI_INFO_NULL, &machine);
    MPI_Comm_size(machine, &machine_size_);
    MPI_Comm_free(&machine);
    MPI_Comm_dup(MPI_COMM_WORLD, &exchanges_);
    MPI_Comm_dup(MPI_COMM_WORLD, &gathers_);
  }
  ~MpiProcessGroup() override {
    MPI_Comm_free(&gathers_);
    MPI_Comm_free(&exchanges_);
    MPI_Finalize();
  }
  MpiProcessGroup(const MpiProcessGroup &) = delete;
  MpiProcessGroup &operator=(const MpiProcessGroup &) = delete;

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int size_of_machine() const override { return machine_size_; }

  void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
    const size_t whole = mine.size();
    for (size_t at = 0; at < whole; at += kMostBytes / static_cast<size_t>(size_)) {
      const size_t count = std::min(kMostBytes / static_cast<size_t>(size_), whole - at);
      if (count == whole) {
        MPI_Allgather(mine.data(), as_int(count), MPI_BYTE, all.data(), as_int(count), MPI_BYTE, MPI_COMM_WORLD);
        continue;
      }
      std::vector<std::byte> part(count * static_cast<size_t>(size_));
      MPI_Allgather(mine.data() + at, as_int(count), MPI_BYTE, part.data(), as_int(count), MPI_BYTE, MPI_COMM_WORLD);
      for (size_t from = 0; from < static_cast<size_t>(size_); from++)
        std::copy_n(part.data() + from * count, count, all.data() + from * whole + at);
    }
  }

  void broadcast(std::span<std::byte> bytes) override {
    for (size_t at = 0; at < bytes.size(); at += kMostBytes) {
      const size_t count = std::min(kMostBytes, bytes.size() - at);
      MPI_Bcast(bytes.data() + at, as_int(count), MPI_BYTE, 0, MPI_COMM_WORLD);
    }
  }

  int begin_exchange(const float *mine, float *theirs, size_t count) override {
    const int number = next_++;
    MPI_Ialltoall(mine, as_int(count), MPI_FLOAT, theirs, as_int(count), MPI_FLOAT, exchanges_, &transfers_[number]);
    return number;
  }
  int begin_gather(const float *mine, float *all, size_t count) override {
    const int number = next_++;
    MPI_Iallgather(mine, as_int(count), MPI_FLOAT, all, as_int(count), MPI_FLOAT, gathers_, &transfers_[number]);
    return number;
  }
  bool finished(int transfer) override {
    int flag = 0;
    MPI_Test(&transfers_.at(transfer), &flag, MPI_STATUS_IGNORE);
    if (flag != 0) transfers_.erase(transfer);
    return flag != 0;
  }
  void wait(int transfer) override {
    MPI_Wait(&transfers_.at(transfer), MPI_STATUS_IGNORE);
    transfers_.erase(transfer);
  }

  [[noreturn]] void end_all(int code) override {
    MPI_Abort(MPI_COMM_WORLD, code);
    std::_Exit(code);
  }

 private:
  static int as_int(size_t count) { return static_cast<int>(count); }

  int rank_ = 0, size_ = 1, machine_size_ = 1, next_ = 0;
  MPI_Comm exchanges_ = MPI_COMM_NULL, gathers_ = MPI_COMM_NULL;
  std::map<int, MPI_Request> transfers_;
};

}  // namespace
}  // namespace sluice

extern "C" __attribute__((visibility("default"))) sluice::ProcessGroup *sluice_open_process_group() {
  return new sluice::MpiProcessGroup();
}
