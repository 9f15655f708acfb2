// The program `turnwise`: everything is in app/cli.
#include "app/cli/command.hpp"

int main(int argc, char** argv) {
  return turnwise::cli::run(argc, argv);
}
