package adapter

import (
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrName is returned for names of rooms, events and namespaces that are not UTF-8,
// where other servers or clients are to be told them: JSON and MessagePack can't say
// them, and JavaScript has no such strings.
var ErrName = errors.New("sio: name is not UTF-8")

// CheckNames returns an error, which is [ErrName], for the first name in lists that is
// not UTF-8.
func CheckNames(lists ...[]string) error {
	for _, list := range lists {
		for _, name := range list {
			if err := CheckName(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// CheckName is CheckNames for one.
func CheckName(name string) error {
	if !utf8.ValidString(name) {
		return fmt.Errorf("%w: %q", ErrName, name)
	}
	return nil
}
