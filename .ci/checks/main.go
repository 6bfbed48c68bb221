// Command checks finds what the compiler, vet and staticcheck do not look for:
//
//	go run ./.ci/checks imports   the import rules
//	go run ./.ci/checks words     the words that comments and pages do without
//	go run ./.ci/checks norace    runs the tests that the race detector skips
//
// It is run in the module's root. The rules are in rules.go.
//
// The import rules are more than golangci-lint's depguard can express: which
// imports must exist, and which packages must do without others indirectly too.
// Building golangci-lint also takes longer than building and vetting the
// module.
package main

import (
	"fmt"
	"os"
)

func main() {
	checks := map[string]func() ([]string, error){"imports": imports, "words": words, "norace": noRace}
	if len(os.Args) != 2 || checks[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: checks imports|words|norace")
		os.Exit(2)
	}
	complaints, err := checks[os.Args[1]]()
	if err != nil {
		fmt.Fprintln(os.Stderr, "checks:", err)
		os.Exit(2)
	}
	for _, c := range complaints {
		fmt.Fprintln(os.Stderr, c)
	}
	if len(complaints) > 0 {
		os.Exit(1)
	}
}
