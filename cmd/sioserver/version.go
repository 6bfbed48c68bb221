package main

import (
	"fmt"
	"runtime/debug"
)

// version returns the version and toolchain that the build has recorded.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "sioserver, unknown version"
	}
	return fmt.Sprintf("sioserver %s %s", info.Main.Version, info.GoVersion)
}
