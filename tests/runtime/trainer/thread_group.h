// SPDX-License-Identifier: Apache-2.0
// Threads of one process in the role of the processes of a group: the same calls as over MPI, transfers included that
// end when the last of them has begun.
#pragma once
#include <algorithm>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "runtime/process_group.h"

namespace sluice::testing {

// What the members of a group share.
class ThreadGroups {
 public:
  explicit ThreadGroups(int size) : size_(static_cast<size_t>(size)) {}

  // Runs `work(group)` in a thread for each; returns what each threw, or "".
  std::vector<std::string> run(const std::function<void(ProcessGroup &)> &work) {
    std::vector<std::string> errors(size_);
    std::vector<std::thread> threads;
    for (size_t rank = 0; rank < size_; rank++) {
      threads.emplace_back([&, rank] {
        Member member(*this, rank);
        try {
          work(member);
        } catch (const SharedError &error) {
          errors[rank] = error.what();
        } catch (const std::exception &error) {
          errors[rank] = error.what();
          end();
        }
      });
    }
    for (std::thread &thread : threads) thread.join();
    return errors;
  }

 private:
  struct Given {
    const std::byte *mine = nullptr;
    std::byte *theirs = nullptr;
  };
  // One transfer of all members.
  struct Transfer {
    std::vector<Given> given;
    size_t begun = 0, bytes = 0;
    bool exchange = false, done = false;
  };
  enum Kind { kBlocking, kExchanges, kGathers, kKinds };

  class Member : public ProcessGroup {
   public:
    Member(ThreadGroups &all, size_t rank) : all_(all), rank_(rank) {}
    int rank() const override { return static_cast<int>(rank_); }
    int size() const override { return static_cast<int>(all_.size_); }
    int size_of_machine() const override { return size(); }
    void gather(std::span<const std::byte> mine, std::span<std::byte> all) override {
      if (all.size() != mine.size() * all_.size_) throw Error(ErrorCode::input_failed, "gather: sizes");
      wait(begin(kBlocking, false, mine.data(), all.data(), mine.size()));
    }
    void broadcast(std::span<std::byte> bytes) override {
      std::vector<std::byte> all(bytes.size() * all_.size_);
      gather(bytes, all);
      std::copy_n(all.begin(), bytes.size(), bytes.begin());
    }
    int begin_exchange(const float *mine, float *theirs, size_t count) override {
      return begin(kExchanges, true, reinterpret_cast<const std::byte *>(mine), reinterpret_cast<std::byte *>(theirs),
                   count * sizeof(float));
    }
    int begin_gather(const float *mine, float *all, size_t count) override {
      return begin(kGathers, false, reinterpret_cast<const std::byte *>(mine), reinterpret_cast<std::byte *>(all),
                   count * sizeof(float));
    }
    bool finished(int transfer) override {
      const std::lock_guard<std::mutex> lock(all_.mutex_);
      return all_.at(transfer).done;
    }
    void wait(int transfer) override {
      std::unique_lock<std::mutex> lock(all_.mutex_);
      all_.changed_.wait(lock, [&] { return all_.ended_ || all_.at(transfer).done; });
      if (!all_.at(transfer).done) throw Error(ErrorCode::input_failed, "another process ended");
    }
    [[noreturn]] void end_all(int) override {
      all_.end();
      throw Error(ErrorCode::input_failed, "ended");
    }

   private:
    int begin(Kind kind, bool exchange, const std::byte *mine, std::byte *theirs, size_t bytes) {
      return all_.begin(kind, next_[kind]++, rank_, exchange, {mine, theirs}, bytes);
    }
    ThreadGroups &all_;
    size_t rank_, next_[kKinds] = {};
  };

  Transfer &at(int transfer) {
    const auto number = static_cast<size_t>(transfer);
    return *transfers_[number % kKinds].at(number / kKinds);
  }

  int begin(Kind kind, size_t number, size_t rank, bool exchange, const Given &given, size_t bytes) {
    const std::lock_guard<std::mutex> lock(mutex_);
    auto &list = transfers_[kind];
    if (list.size() == number) list.push_back(std::make_unique<Transfer>());
    Transfer &transfer = *list.at(number);
    transfer.given.resize(size_);
    if (transfer.begun == 0) transfer.bytes = bytes, transfer.exchange = exchange;
    if (transfer.bytes != bytes) throw Error(ErrorCode::input_failed, "the processes do not call the same");
    transfer.given[rank] = given;
    if (++transfer.begun == size_) complete(transfer);
    return static_cast<int>(number * kKinds + kind);
  }

  void complete(Transfer &transfer) {
    const size_t bytes = transfer.bytes;
    for (size_t to = 0; to < size_; to++) {
      for (size_t from = 0; from < size_; from++)
        std::copy_n(transfer.given[from].mine + (transfer.exchange ? to * bytes : 0), bytes,
                    transfer.given[to].theirs + from * bytes);
    }
    transfer.done = true;
    changed_.notify_all();
  }

  void end() {
    const std::lock_guard<std::mutex> lock(mutex_);
    ended_ = true;
    changed_.notify_all();
  }

  const size_t size_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::unique_ptr<Transfer>> transfers_[kKinds];
  bool ended_ = false;
};

}  // namespace sluice::testing
