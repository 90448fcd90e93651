#include "start_image.h"

#include <elf.h>

#include <algorithm>
#include <cstring>

#include "base/units.h"

namespace ft::differential {

std::vector<std::uint8_t> make_start_image() {
  Elf64_Ehdr header{};
  std::memcpy(header.e_ident, ELFMAG, SELFMAG);
  header.e_ident[EI_CLASS] = ELFCLASS64;
  header.e_ident[EI_DATA] = ELFDATA2LSB;
  header.e_ident[EI_VERSION] = EV_CURRENT;
  header.e_type = ET_EXEC;
  header.e_machine = EM_X86_64;
  header.e_version = EV_CURRENT;
  header.e_entry = kImageStub;
  header.e_phoff = sizeof header;
  header.e_ehsize = sizeof header;
  header.e_phentsize = sizeof(Elf64_Phdr);
  header.e_phnum = 2;

  Elf64_Phdr segments[2]{};
  segments[0].p_type = PT_LOAD;
  segments[0].p_flags = PF_R | PF_X;
  segments[0].p_vaddr = kImageAddress;
  segments[0].p_filesz = kPageSize;
  segments[0].p_memsz = kPageSize;
  segments[0].p_align = kPageSize;
  segments[1].p_type = PT_GNU_STACK;  // without it, everything readable would be executable
  segments[1].p_flags = PF_R | PF_W;

  std::vector<std::uint8_t> image(kPageSize);
  std::memcpy(image.data(), &header, sizeof header);
  std::memcpy(image.data() + sizeof header, segments, sizeof segments);
  std::ranges::copy(kStubCode, image.begin() + (kImageStub - kImageAddress));
  return image;
}

}  // namespace ft::differential
