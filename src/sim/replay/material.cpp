#include "sim/replay/material.h"

#include <algorithm>

namespace ft::sim::replay {

Result<Material> Material::load(event::EventSource& source) {
  Material material;
  material.trace = FT_TRY(source.trace());
  FT_TRY_VOID(source.faults([&](std::span<const event::Fault> batch) {
    material.faults.insert(material.faults.end(), batch.begin(), batch.end());
  }));
  FT_TRY_VOID(source.tlb_flushes([&](std::span<const event::TlbFlush> batch) {
    material.flushes.insert(material.flushes.end(), batch.begin(), batch.end());
  }));
  std::ranges::stable_sort(material.faults, {}, &event::Fault::ts);
  std::ranges::stable_sort(material.flushes, {}, &event::TlbFlush::ts);
  return material;
}

}  // namespace ft::sim::replay
