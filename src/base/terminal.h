// What may be done to the terminal on the other end of a descriptor: colours, a line that is
// written over. Pipes and files get plain text and no progress.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/units.h"

namespace ft {

// True on a terminal that is not dumb, where NO_COLOR (https://no-color.org) is unset or empty.
bool colours_wanted(int fd);

// Columns of the terminal, `fallback` where it is none or does not say. COLUMNS goes before a
// fallback.
unsigned terminal_width(int fd, unsigned fallback = 100);

// The looks reports use; names say what for, not which colour.
enum class Style : std::uint8_t {
  Heading,
  Good,
  Warning,
  Bad,
  Faint,
  Strong,
};

// Wraps text in the codes of a style, or leaves it alone.
class Styler {
 public:
  enum class Colours : bool { Off, On };

  explicit Styler(Colours colours) : colours_(colours) {}
  static Styler for_fd(int fd) { return Styler(colours_wanted(fd) ? Colours::On : Colours::Off); }

  std::string operator()(Style style, std::string_view text) const;

 private:
  Colours colours_;
};

// Progress tells on stderr that a long command is alive: nothing during the first second and
// nothing unless it is a terminal, then one line that is written over, gone at the end.
class Progress {
 public:
  using Clock = Nanoseconds (*)();

  explicit Progress(std::string what, int fd = 2, Clock clock = monotonic_now);
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // `total` 0: not known. Cheap enough to be called for every batch.
  void update(std::uint64_t done, std::uint64_t total = 0);

  // Takes the line away, for other output.
  void clear();

 private:
  std::string what_;
  int fd_;
  Clock clock_;
  bool terminal_;
  bool shown_ = false;
  Nanoseconds next_;
};

}  // namespace ft
