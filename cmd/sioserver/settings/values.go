package settings

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"strconv"
	"strings"
	"time"
)

// Duration is written as in Go, such as 25s.
type Duration struct{ time.Duration }

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(b []byte) (err error) {
	if d.Duration, err = time.ParseDuration(string(b)); err != nil {
		return errors.New("it must be a time with its unit, such as 25s or 1m30s")
	}
	return nil
}

// Level is a level of the log.
type Level struct{ slog.Level }

func (l Level) String() string { return strings.ToLower(l.Level.String()) }

// MarshalText implements encoding.TextMarshaler.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (l *Level) UnmarshalText(b []byte) error {
	if l.Level.UnmarshalText(b) != nil {
		return errors.New("it must be debug, info, warn or error")
	}
	return nil
}

// Mode has the permissions of a file, written in octal, such as 0660; it is
// empty for 0.
type Mode struct{ fs.FileMode }

func (m Mode) String() string {
	if m.FileMode == 0 {
		return ""
	}
	return fmt.Sprintf("%04o", uint32(m.FileMode))
}

// MarshalText implements encoding.TextMarshaler.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (m *Mode) UnmarshalText(b []byte) error {
	m.FileMode = 0
	if len(b) == 0 {
		return nil
	}
	n, err := strconv.ParseUint(string(b), 8, 32)
	if err != nil || n == 0 || n > uint64(fs.ModePerm) {
		return errors.New("it must be permissions in octal, such as 0660")
	}
	m.FileMode = fs.FileMode(n)
	return nil
}

// List is an array in the file, and has commas between its parts as a flag.
type List []string

func (l *List) String() string { return strings.Join(*l, ",") }

// Set implements flag.Value.
func (l *List) Set(s string) error {
	*l = nil
	if s == "" {
		return nil
	}
	for part := range strings.SplitSeq(s, ",") {
		*l = append(*l, strings.TrimSpace(part))
	}
	return nil
}
