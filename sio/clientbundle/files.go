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

// isFile reports whether name is that of a bundle's file or of its source map.
func isFile(name string) bool {
	name = strings.TrimSuffix(name, ".map")
	for _, n := range names {
		if n == name {
			return true
		}
	}
	return false
}

// contentType gives the media type for the file called name.
func contentType(name string) string {
	if strings.HasSuffix(name, ".map") {
		return mapType
	}
	return scriptType
}

// Match reports whether target, the raw request target, asks for a file of
// the client bundle of a server mounted at path. Slashes at the end of path do
// not matter, a query in target is ignored, case counts and escapes are not
// resolved. It allocates nothing and is safe for concurrent use.
func Match(target, path string) bool {
	rest, ok := strings.CutPrefix(target, strings.TrimRight(path, "/"))
	if !ok || !strings.HasPrefix(rest, "/") {
		return false
	}
	rest, _, _ = strings.Cut(rest[1:], "?")
	return isFile(rest)
}
