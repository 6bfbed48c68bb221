package main

import (
	"embed"
	"io/fs"
)

// bundle holds the browser client that `make client` puts there before the
// build, or only a README.
//
//go:embed client
var bundle embed.FS

// clientFiles returns the bundle's folder, and whether it has the client.
func clientFiles() (fs.FS, bool) {
	files, err := fs.Sub(bundle, "client")
	if err != nil {
		return nil, false
	}
	_, err = fs.Stat(files, "socket.io.js")
	return files, err == nil
}
