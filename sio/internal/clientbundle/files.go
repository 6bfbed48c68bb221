package clientbundle

import "strings"

// Content types of the two kinds of files in a bundle.
const (
	scriptType = "application/javascript; charset=utf-8"
	mapType    = "application/json; charset=utf-8"
)

// names lists the files of a bundle without their maps, the one that tells
// the bundle's version first.
var names = [...]string{
	"socket.io.js",
	"socket.io.min.js",
	"socket.io.esm.min.js",
	"socket.io.msgpack.min.js",
}

// Names are the names of all files that a bundle may have.
func Names() []string {
	var all []string
	for _, n := range names {
		all = append(all, n, n+".map")
	}
	return all
}

// contentType gives the media type for the file called name.
func contentType(name string) string {
	if strings.HasSuffix(name, ".map") {
		return mapType
	}
	return scriptType
}
