package main

import (
	"fmt"
	"runtime/debug"
)

// version says what this program was built from, as far as the build recorded it.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "sioserver, of an unknown version"
	}
	return fmt.Sprintf("sioserver %s %s", info.Main.Version, info.GoVersion)
}
