# Runs `demarc schema NAME` and keeps what it prints; an empty or failed answer is an error. Nothing half-written stays.
execute_process(COMMAND ${PROGRAM} schema ${SCHEMA} OUTPUT_VARIABLE text RESULT_VARIABLE status)
if(NOT status EQUAL 0 OR text STREQUAL "")
  message(FATAL_ERROR "${PROGRAM} schema ${SCHEMA} failed (${status})")
endif()
file(WRITE ${OUTPUT} "${text}")
