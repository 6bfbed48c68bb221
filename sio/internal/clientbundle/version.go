package clientbundle

import (
	"io"
	"io/fs"
	"regexp"
)

// licence finds the version in the comment that each bundle starts with.
var licence = regexp.MustCompile(`Socket\.IO v(\d+\.\d+\.\d+[0-9A-Za-z.+-]*)`)

// version reads the package version from the licence comment at the start of
// the bundle's main file; it is empty when there is none.
func version(fsys fs.FS) string {
	f, err := fsys.Open(names[0])
	if err != nil {
		return ""
	}
	defer f.Close()
	head, err := io.ReadAll(io.LimitReader(f, 256))
	if err != nil {
		return ""
	}
	m := licence.FindSubmatch(head)
	if m == nil {
		return ""
	}
	return string(m[1])
}
