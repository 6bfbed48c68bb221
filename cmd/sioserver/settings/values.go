package settings

import (
	"errors"
	"log/slog"
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
