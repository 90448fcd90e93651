#include "world.h"

#include <fmt/format.h>

#include <cstring>

#include "base/text.h"

namespace ft::differential {

std::string describe(const Effect& effect, const Instruction& instruction) {
  if (effect.absent) return "nobody there";
  if (std::holds_alternative<Touch>(instruction)) return std::string(name_of(effect.end));
  if (effect.value < 0 && effect.value >= -4095)
    return fmt::format("{} ({})", effect.value, std::strerror(static_cast<int>(-effect.value)));
  return effect.value < 10 ? fmt::format("{}", effect.value)
                           : hex(static_cast<std::uint64_t>(effect.value));
}

}  // namespace ft::differential
