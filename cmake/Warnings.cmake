# One interface target for what every file of ours is compiled with.
add_library(ft_options INTERFACE)
target_include_directories(ft_options INTERFACE ${CMAKE_SOURCE_DIR}/src)
target_compile_options(ft_options INTERFACE
  -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wno-sign-conversion -Wnon-virtual-dtor
  -Woverloaded-virtual -Wimplicit-fallthrough
  # Designated initializers that leave out members with a default are our idiom.
  -Wno-missing-field-initializers
  -Werror -fno-omit-frame-pointer)
if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
  # ccache asks for it.
  target_compile_options(ft_options INTERFACE $<$<COMPILE_LANGUAGE:CXX>:-fpch-preprocess>)
else()
  set(CMAKE_DISABLE_PRECOMPILE_HEADERS ON)
endif()
if(CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  # libstdc++ 12's own stable_sort uses what it has itself marked deprecated.
  target_compile_options(ft_options INTERFACE -Wno-deprecated-declarations)
endif()
target_compile_definitions(ft_options INTERFACE FT_VERSION="${PROJECT_VERSION}")
if(FT_SANITIZE)
  target_compile_options(ft_options INTERFACE -fsanitize=${FT_SANITIZE} -fno-sanitize-recover=all)
  target_link_options(ft_options INTERFACE -fsanitize=${FT_SANITIZE})
endif()
if(FT_FUZZ)
  target_compile_options(ft_options INTERFACE -fsanitize=fuzzer-no-link)
endif()
