package demo

import (
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits on what one client can make the chat store or send.
const (
	maxName    = 24  // characters of a person's or a room's name
	maxText    = 500 // characters of a message
	maxLines   = 25  // lines of a message
	maxRooms   = 50
	maxHistory = 50  // messages kept a room
	maxListed  = 100 // people listed to someone who enters
)

// A complaint is an error whose text the page shows to the person.
type complaint string

func (c complaint) Error() string { return string(c) }

const (
	errName     = complaint("A name has 1 to 24 characters.")
	errRoomName = complaint("A room’s name has 1 to 24 letters, digits, hyphens or underscores.")
	errRooms    = complaint("There are too many rooms already.")
	errText     = complaint("A message has 1 to 500 characters on 25 lines at most.")
	errNoRoom   = complaint("Enter a room first.")
	errHaste    = complaint("Not so fast: wait a moment.")
)

// cleanName returns a person's name as the page shows it: one line, no
// invisible characters, single spaces.
func cleanName(s string) (string, error) {
	s = strings.Join(strings.Fields(strings.Map(visible, s)), " ")
	if s == "" || utf8.RuneCountInString(s) > maxName {
		return "", errName
	}
	return s, nil
}

// cleanRoom returns a room's name in lower case, as the list shows it.
func cleanRoom(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if s == "" || utf8.RuneCountInString(s) > maxName {
		return "", errRoomName
	}
	for _, r := range s {
		if r != '-' && r != '_' && !unicode.In(r, unicode.L, unicode.M, unicode.N) {
			return "", errRoomName
		}
	}
	return s, nil
}

// cleanText returns a message's text without invisible characters.
func cleanText(s string) (string, error) {
	if len(s) > maxText*utf8.UTFMax {
		return "", errText
	}
	s = strings.Map(func(r rune) rune {
		if r == '\n' || r == '\t' {
			return r
		}
		return visible(r)
	}, s)
	s = strings.TrimSpace(s)
	if s == "" || utf8.RuneCountInString(s) > maxText || strings.Count(s, "\n") >= maxLines {
		return "", errText
	}
	return s, nil
}

// visible maps characters that are invisible or that change the direction of
// the text to -1. It keeps the joiners that emoji and some scripts need.
func visible(r rune) rune {
	if r == '\u200c' || r == '\u200d' {
		return r
	}
	if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Co) && !unicode.IsSpace(r) {
		return -1
	}
	return r
}

// A bucket limits how often a person may do something: burst times at once,
// then once each interval. The zero bucket is full. Not safe for concurrent
// use.
type bucket struct {
	full time.Time // when the bucket is, or was, full again
}

// take reports whether the limit allows one more at now, and counts it if so.
func (b *bucket) take(now time.Time, burst int, interval time.Duration) bool {
	if b.full.Before(now) {
		b.full = now
	}
	if b.full.Add(interval).Sub(now) > time.Duration(burst)*interval {
		return false
	}
	b.full = b.full.Add(interval)
	return true
}
