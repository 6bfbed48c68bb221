package main

import (
	"embed"
	"io/fs"
)

// bundle holds the files that `make client` put there before the build; only
// the README when it was not run.
//
//go:embed client
var bundle embed.FS

// clientFiles gives the client bundle's folder and whether the client is in it.
func clientFiles() (fs.FS, bool) {
	files, err := fs.Sub(bundle, "client")
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(files, "socket.io.js")
	return files, err == nil
}
