//go:build linux

package attack

import (
	"fmt"
	"slices"
	"time"
)

// Attack is one attack. It is immutable.
type Attack struct {
	Name string // in profiles and tables
	What string // in one line, for people
	// Needs is the feature that the server must be started with
	// (bench/peers/README.md), "" for none.
	Needs string

	run   func(f *Field)
	judge func(o Outcome) error // nil when only what every attack is judged by counts
}

// Outcome is what is known when the attack is over and its connections are
// still open.
type Outcome struct {
	Lasted time.Duration
	Counts map[string]float64 // what the attack has counted
	// Held is how many descriptors more the server has than before.
	Held int
}

// Judge returns an error that says what is wrong with the outcome itself. The
// server's other clients and its memory are judged elsewhere.
func (a Attack) Judge(o Outcome) error {
	if a.judge == nil {
		return nil
	}
	return a.judge(o)
}

// All are the attacks, in the order of the report.
func All() []Attack {
	return []Attack{
		{"fragments", "messages of a megabyte in fragments of one byte, 2 connections", "", fragments, nil},
		{"unfinished", "frames, bodies and attachments up to their limits without their last byte, 500 connections", "", unfinished, nil},
		{"namespaces", "dynamic namespaces made and left by 4 connections, and asked for by clients that leave, 4 at a time", "dynamic", namespaces, nil},
		{"sessions", "polling sessions opened, 4 connections", "", sessions, nil},
		{"unread-polls", "polls through net/http whose answers are not read, 50 connections", "nethttp", unreadPolls, judgeUnreadPolls},
		{"closed", "a flood of messages after the server's close frame, 4 connections", "", closed, judgeClosed},
		{"closed-deflate", "the same with compressed messages", "deflate", closedDeflate, judgeClosed},
		{"descriptors", "no descriptors left because of another part of the process, while clients come", "files", descriptors, nil},
		{"blocked", "256 connections, each with a handler that blocks and 1,024 events that wait for it", "handlers", blocked, nil},
		{"departed", "backlogs of clients that have left, whose handlers ignore it", "handlers", departed, nil},
		{"stalled", "broadcasts to 10 connections that are not read", "", stalled, nil},
	}
}

// Names are the names of All.
func Names() (names []string) {
	for _, a := range All() {
		names = append(names, a.Name)
	}
	return names
}

// Find returns the attack with the name.
func Find(name string) (Attack, error) {
	all := All()
	i := slices.IndexFunc(all, func(a Attack) bool { return a.Name == name })
	if i < 0 {
		return Attack{}, fmt.Errorf("attack: there is no attack %q", name)
	}
	return all[i], nil
}
