# ft_library(NAME [DEPENDS lib...] [PRIVATE_DEPENDS lib...] [TEST_DEPENDS lib...])
#
# Folder = namespace = target. Takes every .cpp of the current folder; NAME_test.cpp files beside
# them become the target ft_NAME_test, and each X_fuzz.cpp becomes a libFuzzer target when FT_FUZZ
# is on. Tests of a library carry the label "unit".
#
# unit_tests and fuzzers build all of either kind and nothing else.
add_custom_target(unit_tests)
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
  elseif(FT_TESTS AND tests)
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
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} ft_options GTest::gtest GTest::gmock
                                        GTest::gtest_main)
  # FT_SHARED_DIR: real captures kept beside the checkout, not part of it; tests that read them skip
  # where the folder is absent.
  target_compile_definitions(${name} PRIVATE FT_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                                             FT_BINARY_DIR="${CMAKE_BINARY_DIR}"
                                             FT_SHARED_DIR="${CMAKE_SOURCE_DIR}/../shared")
  gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST
                       PROPERTIES TIMEOUT ${ARG_TIMEOUT} LABELS "${ARG_LABELS}"
                                  RUN_SERIAL ${serial})
endfunction()
