# The standard headers that nearly every file reads are compiled once a build, for the libraries, and
# with GoogleTest for the tests: that halves the time a file takes. The clang build does without, so
# that a file that forgets an include is found.
set(FT_COMMON_HEADERS <algorithm> <array> <cstdint> <expected> <filesystem> <functional> <map>
    <memory> <optional> <set> <span> <string> <string_view> <unordered_map> <vector> <fmt/format.h>)

function(ft_common_headers name)
  file(WRITE ${CMAKE_BINARY_DIR}/${name}.cpp "")
  add_library(${name} STATIC ${CMAKE_BINARY_DIR}/${name}.cpp)
  target_link_libraries(${name} PUBLIC ft_options fmt::fmt ${ARGN})
endfunction()
ft_common_headers(ft_headers)
target_precompile_headers(ft_headers PRIVATE ${FT_COMMON_HEADERS})
if(FT_TESTS)
  ft_common_headers(ft_test_headers GTest::gtest GTest::gmock)
  target_precompile_headers(ft_test_headers PRIVATE ${FT_COMMON_HEADERS} <gtest/gtest.h>
                                                    <gmock/gmock.h>)
endif()

# ft_library(NAME [DEPENDS lib...] [PRIVATE_DEPENDS lib...] [TEST_DEPENDS lib...])
#
# Folder = namespace = target. Takes every .cpp of the current folder; NAME_test.cpp files beside
# them become the target ft_NAME_test, and each X_fuzz.cpp becomes a libFuzzer target when FT_FUZZ
# is on. Tests of a library carry the label "unit".
#
# unit_tests, all_but_unit_tests and fuzzers build all of each kind and nothing else.
add_custom_target(unit_tests)
add_custom_target(all_but_unit_tests)
add_custom_target(fuzzers)

function(ft_library name)
  cmake_parse_arguments(ARG "" "" "DEPENDS;PRIVATE_DEPENDS;TEST_DEPENDS" ${ARGN})
  file(GLOB sources CONFIGURE_DEPENDS *.cpp)
  file(GLOB tests CONFIGURE_DEPENDS *_test.cpp)
  file(GLOB fuzzers CONFIGURE_DEPENDS *_fuzz.cpp)
  if(tests OR fuzzers)
    list(REMOVE_ITEM sources ${tests} ${fuzzers})
  endif()

  if(sources)
    add_library(ft_${name} STATIC ${sources})
    target_precompile_headers(ft_${name} REUSE_FROM ft_headers)
    target_link_libraries(ft_${name} PUBLIC ft_options ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE_DEPENDS})
  else()
    add_library(ft_${name} INTERFACE)
    target_link_libraries(ft_${name} INTERFACE ft_options ${ARG_DEPENDS})
  endif()

  if(FT_FUZZ)
    foreach(fuzzer ${fuzzers})
      get_filename_component(fuzz_name ${fuzzer} NAME_WE)
      add_executable(${fuzz_name} ${fuzzer})
      target_link_libraries(${fuzz_name} PRIVATE ft_${name} ${ARG_TEST_DEPENDS})
      target_link_options(${fuzz_name} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${fuzz_name})
    endforeach()
  endif()
  if(FT_TESTS AND tests)
    ft_test(ft_${name}_test SOURCES ${tests} LABELS unit
            DEPENDS ft_${name} ${ARG_PRIVATE_DEPENDS} ${ARG_TEST_DEPENDS})
    add_dependencies(unit_tests ft_${name}_test)
  endif()
endfunction()

# ft_test(NAME SOURCES file... DEPENDS lib... [LABELS label...] [TIMEOUT seconds] [SERIAL])
# SERIAL: the test looks at, or loads, the machine as a whole.
function(ft_test name)
  if(NOT FT_TESTS)
    return()
  endif()
  cmake_parse_arguments(ARG "SERIAL" "TIMEOUT" "SOURCES;DEPENDS;LABELS" ${ARGN})
  if(NOT ARG_TIMEOUT)
    set(ARG_TIMEOUT 60)
  endif()
  set(serial OFF)
  if(ARG_SERIAL)
    set(serial ON)
  endif()
  add_executable(${name} ${ARG_SOURCES})
  target_precompile_headers(${name} REUSE_FROM ft_test_headers)
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ft_options GTest::gtest GTest::gmock
                                        GTest::gtest_main)
  if(CMAKE_CXX_COMPILER_ID STREQUAL "GNU")
    # g++ 12 sees overruns in std::string where there are none, in optimised builds.
    target_compile_options(${name} PRIVATE -Wno-array-bounds -Wno-restrict -Wno-stringop-overflow
                                           -Wno-stringop-overread)
  endif()
  # FT_SHARED_DIR: real captures kept beside the checkout, not part of it; tests that read them skip
  # where the folder is absent.
  target_compile_definitions(${name} PRIVATE FT_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             FT_BINARY_DIR="${CMAKE_BINARY_DIR}"
                                             FT_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
  if(NOT "unit" IN_LIST ARG_LABELS)
    add_dependencies(all_but_unit_tests ${name})
  endif()
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                                  RUN_SERIAL ${serial})
endfunction()
