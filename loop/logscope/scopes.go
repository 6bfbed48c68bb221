// Package logscope turns the log's details on and off by component, at any
// time, as the environment variable DEBUG does with the reference. See
// [Scopes].
package logscope

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
)

// The scopes, named as those of the reference.
const (
	Engine       = "engine"           // requests that are refused or invalid
	EngineSocket = "engine:socket"    // connections: opened, upgraded, closed; their packets
	Client       = "socket.io:client" // namespaces that are refused, packets that are invalid; packets of clients
	Socket       = "socket.io:socket" // sockets: connected, disconnected; handlers that fail
)

var names = [...]string{Engine, EngineSocket, Client, Socket}

const count = len(names)

// LevelTrace is the level of records about single packets, below debug level.
// A scope that is on has them too.
const LevelTrace = slog.LevelDebug - 4

// Scopes decides which scopes have their details logged. The zero value has
// none on. It is safe for concurrent use, and is a flag.Value.
type Scopes struct {
	mu       sync.Mutex
	patterns string
	on       [count]atomic.Bool // by the place in names
}

// Set turns on the scopes that match one of patterns, and the others off.
// Patterns are separated by commas or spaces; "*" stands for any characters,
// and a pattern that begins with "-" excludes what it matches, whatever else
// matches it. "" turns all off. A pattern that matches no scope is an error,
// and then nothing changes.
func (s *Scopes) Set(patterns string) error {
	var on, not [count]bool
	for _, pattern := range strings.FieldsFunc(patterns, func(r rune) bool { return r == ',' || r == ' ' }) {
		list, found := &on, false
		exclude, excludes := strings.CutPrefix(pattern, "-")
		if excludes {
			pattern, list = exclude, &not
		}
		for i, name := range names {
			if matches(pattern, name) {
				list[i], found = true, true
			}
		}
		if !found {
			return fmt.Errorf("logscope: no scope matches %q; there are %s", pattern, strings.Join(names[:], ", "))
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.patterns = patterns
	for i := range on {
		s.on[i].Store(on[i] && !not[i])
	}
	return nil
}

// String returns what Set was called with.
func (s *Scopes) String() string {
	if s == nil { // package flag calls it so
		return ""
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.patterns
}

// matches reports whether name matches the pattern, in a time that the number
// of "*" does not multiply.
func matches(pattern, name string) bool {
	parts := strings.Split(pattern, "*")
	last := len(parts) - 1
	if last == 0 {
		return pattern == name
	}
	name, found := strings.CutPrefix(name, parts[0])
	if !found {
		return false
	}
	for _, part := range parts[1:last] { // the first place is as good as any
		if _, name, found = strings.Cut(name, part); !found {
			return false
		}
	}
	return strings.HasSuffix(name, parts[last])
}

// Handler returns a handler that hands records on to next: those that next
// takes at its own level, and all of the scopes that are on, with the attribute
// "scope", whatever the level of next. It must be the outermost handler of the
// Logger in a server's Config.
func (s *Scopes) Handler(next slog.Handler) slog.Handler { return &handler{Handler: next, scopes: s} }

// handler is one of Scopes, for one scope if on is not nil.
type handler struct {
	slog.Handler
	scopes *Scopes
	on     *atomic.Bool
	name   string
}

// Enabled implements slog.Handler, as the following methods do.
func (h *handler) Enabled(ctx context.Context, level slog.Level) bool {
	return h.on != nil && h.on.Load() && level >= LevelTrace || h.Handler.Enabled(ctx, level)
}

func (h *handler) Handle(ctx context.Context, r slog.Record) error {
	if h.on != nil {
		r = r.Clone()
		r.AddAttrs(slog.String("scope", h.name))
	}
	return h.Handler.Handle(ctx, r)
}

func (h *handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &handler{h.Handler.WithAttrs(attrs), h.scopes, h.on, h.name}
}

func (h *handler) WithGroup(name string) slog.Handler {
	return &handler{h.Handler.WithGroup(name), h.scopes, h.on, h.name}
}

// Logger is a logger of one scope.
type Logger struct {
	*slog.Logger
	on     *atomic.Bool // nil without Scopes
	always bool
}

// wrapper is a handler around another one.
type wrapper interface {
	Unwrap() slog.Handler
	Rewrap(next slog.Handler) slog.Handler
}

// Of returns l for one scope. If l has no handler of a [Scopes], it is l.
func Of(l *slog.Logger, scope string) Logger {
	inner := l.Handler()
	w, wrapped := inner.(wrapper)
	if wrapped {
		inner = w.Unwrap()
	}
	h, ok := inner.(*handler)
	if !ok {
		return Logger{Logger: l, always: l.Enabled(context.Background(), LevelTrace)}
	}
	on := &h.scopes.on[slices.Index(names[:], scope)]
	var scoped slog.Handler = &handler{h.Handler, h.scopes, on, scope}
	if wrapped {
		scoped = w.Rewrap(scoped)
	}
	return Logger{Logger: slog.New(scoped), on: on, always: h.Handler.Enabled(context.Background(), LevelTrace)}
}

// MayTrace reports whether Traces is true now or may become true.
func (l *Logger) MayTrace() bool { return l.always || l.on != nil }

// Traces reports whether single packets are to be logged. It costs a load.
func (l *Logger) Traces() bool { return l.always || l.on != nil && l.on.Load() }

// Details reports whether l takes records of debug level.
func (l *Logger) Details() bool { return l.Enabled(context.Background(), slog.LevelDebug) }

// Detail logs at debug level.
func (l *Logger) Detail(message string, attrs ...slog.Attr) {
	l.LogAttrs(context.Background(), slog.LevelDebug, message, attrs...)
}

// Trace logs at [LevelTrace].
func (l *Logger) Trace(message string, attrs ...slog.Attr) {
	l.LogAttrs(context.Background(), LevelTrace, message, attrs...)
}
