#include <exception>
#include <new>

#include "scanner/app/commands.h"
#include "scanner/app/console.h"

int main(int argc, char** argv) {
  using namespace demarc;
  // What nobody can handle still ends with a sentence and the right exit code.
  try {
    return run_command_line(argc, argv);
  } catch (const std::bad_alloc&) {
    say_error("out of memory");
  } catch (const std::exception& e) {
    say_error(std::string("internal error: ") + e.what());
  }
  return kCouldNotRun;
}
