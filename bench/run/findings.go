//go:build linux

package run

import "strings"

// Findings is an error that lists what a server did wrong.
type Findings struct {
	Of    string // what all findings are about
	Found []error
}

func (f *Findings) Error() string {
	var texts []string
	for _, err := range f.Found {
		texts = append(texts, err.Error())
	}
	return f.Of + ": " + strings.Join(texts, "; ")
}

// Unwrap returns what was found.
func (f *Findings) Unwrap() []error { return f.Found }

// found adds what was found, unless it is nil.
func (f *Findings) found(err error) {
	if err != nil {
		f.Found = append(f.Found, err)
	}
}

// err is f, or nil if nothing was found.
func (f *Findings) err() error {
	if len(f.Found) == 0 {
		return nil
	}
	return f
}
