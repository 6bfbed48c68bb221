package eio

import (
	"log/slog"
	"testing"

	"github.com/sioserver/sioserver/loop/looptest"
)

// watched is a holder that counts how often it is looked at.
type watched struct{ looks *int }

func (w *watched) stall()         {}
func (w *watched) unstall()       {}
func (w *watched) admitted() bool { return true }
func (w *watched) futile() bool   { return false }
func (w *watched) partway() bool  { return false }
func (w *watched) giveUp()        {}

func (w *watched) delayed() bool {
	*w.looks++
	return false
}

// TestLookingAtHoldersIsRare: while many hold something and some wait, the end
// of a message does not have all of them looked at.
func TestLookingAtHoldersIsRare(t *testing.T) {
	const n, size, messages = 2000, 2 * minHeld, 500
	lt := looptest.New(t)
	var r receiving
	r.init(lt.Loop(), &Config{Logger: slog.New(slog.DiscardHandler)}, n*size*3/2)
	looks := 0
	holders := make([]*watched, n)
	for i := range holders {
		holders[i] = &watched{&looks}
		r.set(holders[i], size)
	}
	r.set(holders[0], 2*size)
	r.set(holders[1], 2*size)
	if r.first == nil {
		t.Fatal("none waits")
	}
	lt.Run()
	looks = 0
	for range messages {
		one := &watched{&looks}
		r.set(one, minHeld)
		r.set(one, 0)
		lt.Run()
	}
	if most := 10 * n; looks > most {
		t.Errorf("%d messages had %d holders looked at, want at most %d", messages, looks, most)
	}
}
