#include "report/html/page.h"

// FT_PAGE_FILE is the bundled page; the assembler copies it into the binary.
asm(R"(
    .pushsection .rodata, "a", @progbits
ft_report_page_begin:
    .incbin ")" FT_PAGE_FILE R"("
ft_report_page_end:
    .byte 0
    .popsection
)");

extern const char page_begin[] asm("ft_report_page_begin");
extern const char page_end[] asm("ft_report_page_end");

namespace ft::report::html {

std::string_view page() {
  return {page_begin, page_end};
}

}  // namespace ft::report::html
