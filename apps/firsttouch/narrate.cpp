#include "narrate.h"

#include <algorithm>
#include <map>

#include "sim/path/path.h"
#include "sim/replay/replay.h"

namespace ft::app {

namespace {

namespace model = report::model;
namespace replay = sim::replay;

// Replaying takes about a microsecond a fault, and holds all of them in memory.
constexpr model::Count kMostReplayed = 400'000;

// Keeps the path of each call it was told of, and ends the replay behind the last.
class Narrator final : public replay::Observer {
 public:
  explicit Narrator(const std::vector<model::Call>& calls) {
    for (const model::Call& call : calls) paths_[call.id];
    open_ = paths_.size();
  }

  void before(const replay::Step& step, const replay::Scene& scene) override {
    const auto wanted = wanted_path(step);
    if (wanted == paths_.end()) return;
    wanted->second.clear();  // of an order that was tried and given up
    scene.process.narrate(&wanted->second);
  }
  void after_call(const replay::Step& step, const replay::CallOutcome&,
                  const replay::Scene& scene) override {
    if (wanted_path(step) == paths_.end()) return;
    scene.process.narrate(nullptr);
    if (open_ > 0) --open_;
  }
  bool done() const override { return open_ == 0; }

  std::vector<model::NarratedCall> take() const {
    std::vector<model::NarratedCall> calls;
    for (const auto& [id, path] : paths_) {
      if (path.steps().empty()) continue;
      model::NarratedCall& call = calls.emplace_back();
      call.id = id;
      for (const sim::path::Step& step : path.steps()) {
        call.steps.push_back({std::string(step.function), step.text});
      }
    }
    return calls;
  }

 private:
  std::map<std::uint64_t, sim::path::Path>::iterator wanted_path(const replay::Step& step) {
    return step.stream == replay::Stream::Call ? paths_.find(step.number()) : paths_.end();
  }

  std::map<std::uint64_t, sim::path::Path> paths_;  // by the number of the call
  std::size_t open_ = 0;
};

}  // namespace

void narrate(event::EventSource& source, const model::Report& report, model::Picture& picture) {
  if (report.calls.empty()) return;
  if (report.faults && report.faults->count > kMostReplayed) {
    picture.not_narrated =
        "with as many page faults as these the model is not asked; firsttouch explain call N does";
    return;
  }
  const auto material = replay::Material::load(source);
  if (!material) {
    picture.not_narrated = material.error().message();
    return;
  }
  Narrator narrator(report.calls);
  replay::replay(*material, narrator);
  picture.narrated = narrator.take();
  if (picture.narrated.empty()) {
    picture.not_narrated = "the model cannot follow the process they are of";
  }
}

}  // namespace ft::app
