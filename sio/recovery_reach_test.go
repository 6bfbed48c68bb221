package sio

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio/adapter"
)

// skipping is an adapter that can't read some of the packets.
type skipping struct {
	adapter.Recoverer
	since   atomic.Pointer[string]
	changed chan struct{}
}

func (s *skipping) Since() (string, <-chan struct{}) { return *s.since.Load(), s.changed }

// TestRecoveryReaches has a client that has seen more than this server wait for
// what will never be read here, or until the server knows where it begins.
func TestRecoveryReaches(t *testing.T) {
	for name, before := range map[string]string{"skipped": "1000-1", "not known": ""} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				a := &skipping{changed: make(chan struct{})}
				a.since.Store(&before)
				lg := &sharedLog{recoveryLog: newRecoveryLog(loneNamespace(), &Recovery{})}
				r := adapter.Recoverer(a)
				lg.keeper.Store(&r)
				ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
				defer cancel()
				reached := make(chan bool, 1)
				go func() { reached <- lg.reach(ctx, mustEntryID(t, "1000-5")) }()
				synctest.Wait()
				select {
				case <-reached:
					t.Fatal("it does not wait")
				default:
				}
				after := "1000-7"
				a.since.Store(&after)
				close(a.changed)
				begun := time.Now()
				if !<-reached || time.Since(begun) > 0 {
					t.Errorf("not reached, after %v", time.Since(begun))
				}
				if len(lg.waiting) > 0 {
					t.Errorf("%d wait still", len(lg.waiting))
				}
			})
		})
	}
}
