#include "recording/writer.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <condition_variable>
#include <csignal>
#include <filesystem>
#include <mutex>
#include <system_error>
#include <thread>

#include "base/check.h"
#include "base/fd.h"
#include "recording/format.h"
#include "recording/pending.h"
#include "recording/store.h"

namespace ft::recording {

namespace {

using namespace std::chrono_literals;

// A killed recorder loses at most this much of the small tables, and that much of the events of a
// chunk that is slow to fill.
constexpr auto kCommitInterval = 200ms;
constexpr auto kOpenBlockLife = 1s;

// A batch being written and the next one waiting make twice this; blocks kept to be filled again
// and the encoder's columns stay below 40 MiB.
constexpr std::size_t kPendingLimit = std::size_t{96} << 20U;
constexpr std::size_t kManyItems = 4096;

constexpr int kEncoderNice = 10;

class ItemWriter {
 public:
  explicit ItemWriter(Store& store) : store_(store) {}
  Result<void> operator()(const MetaItem& item) { return store_.put_meta(item.key, item.value); }
  Result<void> operator()(const FileItem& item) { return store_.put(item.id, item.file); }
  Result<void> operator()(const StackItem& item) { return store_.put(item.id, item.stack); }
  template <typename Plain>
  Result<void> operator()(const Plain& item) {
    return store_.put(item);
  }

 private:
  Store& store_;
};

// Chunks take milliseconds each; a batch of many is committed bit by bit.
class ChunkWriter {
 public:
  explicit ChunkWriter(Store& store) : store_(store), begun_(Clock::now()) {}
  template <typename Event>
  Result<void> operator()(const std::vector<std::vector<Event>>& blocks) {
    for (const std::vector<Event>& block : blocks) {
      FT_TRY_VOID(store_.put_chunk(std::span<const Event>(block)));
      if (Clock::now() - begun_ < kCommitInterval) continue;
      FT_TRY_VOID(store_.commit());
      FT_TRY_VOID(store_.begin());
      begun_ = Clock::now();
    }
    return {};
  }

 private:
  Store& store_;
  Clock::time_point begun_;
};

Result<void> write_batch(Store& store, const Batch& batch) {
  FT_TRY_VOID(store.begin());
  ItemWriter write_item(store);
  for (const Item& item : batch.items) FT_TRY_VOID(std::visit(write_item, item));
  ChunkWriter write_chunks(store);
  const auto& [faults, allocs, flushes, samples, calls] = batch.blocks;
  FT_TRY_VOID(write_chunks(faults));
  FT_TRY_VOID(write_chunks(allocs));
  FT_TRY_VOID(write_chunks(flushes));
  FT_TRY_VOID(write_chunks(samples));
  FT_TRY_VOID(write_chunks(calls));
  return store.commit();
}

Result<void> write_own_meta(Store& store) {
  FT_TRY_VOID(store.begin());
  FT_TRY_VOID(store.put_meta(kMetaFormatVersion, std::to_string(kFormatVersion)));
  FT_TRY_VOID(store.put_meta(kMetaToolVersion, FT_VERSION));
  FT_TRY_VOID(store.put_meta(kMetaComplete, "0"));
  return store.commit();
}

Result<void> mark_complete(Store& store) {
  FT_TRY_VOID(store.begin());
  FT_TRY_VOID(store.put_meta(kMetaComplete, "1"));
  return store.commit();
}

}  // namespace

// While it lives, a write past the limit on file sizes is an error of its caller like any other
// instead of a signal that ends the process.
class FileSizeSignalHeld {
 public:
  FileSizeSignalHeld() {
    ::sigemptyset(&signal_);
    ::sigaddset(&signal_, SIGXFSZ);
    ::pthread_sigmask(SIG_BLOCK, &signal_, &before_);
  }
  ~FileSizeSignalHeld() {
    if (::sigismember(&before_, SIGXFSZ) == 1) return;
    const timespec at_once{};
    while (::sigtimedwait(&signal_, nullptr, &at_once) > 0) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  FileSizeSignalHeld(const FileSizeSignalHeld&) = delete;
  FileSizeSignalHeld& operator=(const FileSizeSignalHeld&) = delete;

 private:
  sigset_t signal_;
  sigset_t before_;
};

enum class Ending : std::uint8_t { None, Keep, Complete };

struct Writer::State {
  std::string path;
  Fd lock;  // held while we write: readers ask for it
  std::unique_ptr<Store> store;
  std::thread encoder;

  mutable std::mutex mutex;
  std::condition_variable work;   // for the encoder
  std::condition_variable space;  // for callers that are too far ahead
  Pending pending;
  Ending ending = Ending::None;
  std::optional<Error> error;
  std::atomic<bool> failed = false;

  void run(Pace pace);
  bool wait_for_work(std::unique_lock<std::mutex>& held);
  void write_pending(std::unique_lock<std::mutex>& held, Clock::time_point begun_before);
  void give_back(Batch& batch);
  void remember(Error error_now);
  void stop(Ending how);
  void add(Item item);
  template <typename Event>
  void add(std::span<const Event> events);
};

// ---- the encoding thread ----

void Writer::State::run(Pace pace) {
  // Of this thread only: Linux's nice value belongs to threads.
  if (pace == Pace::SparesTarget) {
    ::setpriority(PRIO_PROCESS, static_cast<id_t>(::syscall(SYS_gettid)), kEncoderNice);
  }
  std::unique_lock held(mutex);
  while (wait_for_work(held)) write_pending(held, Clock::now() - kOpenBlockLife);
}

// False at the end.
bool Writer::State::wait_for_work(std::unique_lock<std::mutex>& held) {
  work.wait_for(held, kCommitInterval, [&] {
    return ending != Ending::None || pending.has_full_block() ||
           pending.item_count() >= kManyItems || pending.bytes() >= kPendingLimit;
  });
  return ending == Ending::None;
}

// Everything but the blocks that were begun since and are not full.
void Writer::State::write_pending(std::unique_lock<std::mutex>& held,
                                  Clock::time_point begun_before) {
  Batch batch = pending.take(begun_before);
  held.unlock();
  space.notify_all();
  if (!batch.empty() && !failed) {
    if (auto written = write_batch(*store, batch); !written) remember(written.error());
  }
  held.lock();
  give_back(batch);
}

void Writer::State::give_back(Batch& batch) {
  std::apply([&](auto&... kind) { (pending.give_back(std::move(kind)), ...); }, batch.blocks);
}

void Writer::State::remember(Error error_now) {
  const std::lock_guard held(mutex);
  if (!error) error = std::move(error_now);
  failed = true;
  space.notify_all();
}

// ---- the callers' side ----

void Writer::State::add(Item item) {
  if (failed) return;
  std::unique_lock held(mutex);
  space.wait(held, [&] { return pending.bytes() < kPendingLimit || failed; });
  if (ending != Ending::None) return;
  pending.add(std::move(item));
  if (pending.item_count() == kManyItems || pending.bytes() >= kPendingLimit) work.notify_one();
}

template <typename Event>
void Writer::State::add(std::span<const Event> events) {
  if (failed || events.empty()) return;
  std::unique_lock held(mutex);
  while (!events.empty()) {
    space.wait(held, [&] { return pending.bytes() < kPendingLimit || failed; });
    if (failed || ending != Ending::None) return;
    if (pending.add(events)) work.notify_one();
  }
}

// What is left is written by the caller: the target has ended, nobody needs to be spared any more,
// and somebody waits.
void Writer::State::stop(Ending how) {
  if (!encoder.joinable()) return;
  const FileSizeSignalHeld no_signal;
  std::unique_lock held(mutex);
  ending = how;
  work.notify_one();
  held.unlock();
  encoder.join();
  held.lock();
  write_pending(held, Clock::time_point::max());
  held.unlock();
  if (how == Ending::Complete && !failed) {
    if (auto marked = mark_complete(*store); !marked) remember(marked.error());
  }
  if (auto closed = store->close(); !closed && !failed) remember(closed.error());
  store.reset();
  lock.reset();
}

Writer::Writer(std::unique_ptr<State> state) : state_(std::move(state)) {}
Writer::~Writer() {
  state_->stop(Ending::Keep);
}

Result<std::unique_ptr<Writer>> Writer::create(const std::string& path,
                                               std::optional<FileOwner> owner, Pace pace) {
  const FileSizeSignalHeld no_signal;
  auto state = std::make_unique<State>();
  // The recorder may change its folder later.
  std::error_code no_folder;
  state->path = std::filesystem::absolute(path, no_folder).string();
  if (no_folder) return fail(path, no_folder.message());
  const std::string image = FT_TRY(Store::empty_image());
  FT_TRY_VOID(place_file(path, image, owner));
  const auto started = [&]() -> Result<void> {
    state->lock = Fd(::open(state->path.c_str(), O_RDONLY | O_CLOEXEC));
    if (!state->lock.valid()) return fail_errno(path, errno);
    // Where the file system has no locks readers go unwarned; the recording itself needs none.
    static_cast<void>(::flock(state->lock.get(), LOCK_EX | LOCK_NB));
    state->store = FT_TRY(Store::open(state->path));
    FT_TRY_VOID(write_own_meta(*state->store));

    // Signals are for the recorder's own threads.
    sigset_t all;
    sigset_t before;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, &before);
    Result<void> outcome;
    try {
      state->encoder = std::thread(&State::run, state.get(), pace);
    } catch (const std::system_error& refused) {
      outcome = fail("starting the recording's thread", refused.what());
    }
    ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return outcome;
  }();
  if (!started) {
    state->store.reset();
    remove_recording(state->path);
    return std::unexpected(started.error());
  }
  return std::unique_ptr<Writer>(new Writer(std::move(state)));
}

Result<void> Writer::finish() {
  state_->stop(Ending::Complete);
  if (const std::optional<Error> why = error()) return std::unexpected(*why);
  return {};
}

void Writer::abandon() {
  state_->stop(Ending::Keep);
  remove_recording(state_->path);
}

bool Writer::failed() const {
  return state_->failed;
}

std::optional<Error> Writer::error() const {
  const std::lock_guard held(state_->mutex);
  return state_->error;
}

void Writer::on_meta(std::string_view key, std::string_view value) {
  // These are the writer's own word.
  if (key == kMetaComplete || key == kMetaFormatVersion) return;
  state_->add(MetaItem{std::string(key), std::string(value)});
}
void Writer::on_process(const event::Process& process) {
  state_->add(process);
}
void Writer::on_thread(const event::Thread& thread) {
  state_->add(thread);
}
void Writer::on_file(event::FileId id, const event::File& file) {
  FT_CHECK(id >= 0);
  state_->add(FileItem{id, file});
}
void Writer::on_stack(event::StackId id, const event::Stack& stack) {
  FT_CHECK(id >= 0);
  state_->add(StackItem{id, stack});
}
void Writer::on_syscall(const event::Syscall& syscall) {
  state_->add(std::span(&syscall, 1));
}
void Writer::on_syscalls(std::span<const event::Syscall> syscalls) {
  state_->add(syscalls);
}
void Writer::on_faults(std::span<const event::Fault> faults) {
  state_->add(faults);
}
void Writer::on_page_allocs(std::span<const event::PageAlloc> allocs) {
  state_->add(allocs);
}
void Writer::on_tlb_flushes(std::span<const event::TlbFlush> flushes) {
  state_->add(flushes);
}
void Writer::on_samples(std::span<const event::Sample> samples) {
  state_->add(samples);
}
void Writer::on_mm_event(const event::MmEvent& event) {
  state_->add(event);
}
void Writer::on_phase(const event::Phase& phase) {
  state_->add(phase);
}
void Writer::on_snapshot(const event::Snapshot& snapshot) {
  state_->add(snapshot);
}
void Writer::on_loss(const event::Loss& loss) {
  state_->add(loss);
}

}  // namespace ft::recording
