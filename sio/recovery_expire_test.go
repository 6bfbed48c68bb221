package sio

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/sio/internal/recovery"
)

// TestRecoveryToldOfNothingAfterwards ends sessions while and after their log
// is stopped: the first call of OnExpire stops it.
func TestRecoveryToldOfNothingAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lg *recoveryLog
		told := 0
		lg = newRecoveryLog(loneNamespace(), &Recovery{
			MaxDisconnectionDuration: time.Minute, MaxPackets: 1, MaxBytes: 1, MaxSessions: 10,
			OnExpire: func(ExpiredSession) {
				told++
				lg.stop()
			},
		})
		change := func(f func(ses *session)) {
			lg.mu.Lock()
			defer lg.mu.Unlock()
			f(&session{PID: newPID()})
		}
		lose := func(ses *session) { lg.lose(ses, nil) }
		change(lose)
		change(lose)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if told != 1 {
			t.Errorf("told of %d sessions, %d of them after the end", told, told-1)
		}

		lg = newRecoveryLog(lg.ns, lg.cfg)
		change(lose)
		lg.stop()
		change(lg.end)
		time.Sleep(2 * time.Minute)
		synctest.Wait()
		if told != 1 {
			t.Error("told of a session that ended after its log")
		}
	})
}

// TestRecoveryExpireInTurn has the timer go off while sessions end for want of
// room, and sessions end at any time while the hook runs: its calls do not
// overlap, each session is told once, and no timer is left.
func TestRecoveryExpireInTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life, rounds = time.Second, 20
		var running, most, told atomic.Int32
		lg := newRecoveryLog(loneNamespace(), &Recovery{
			MaxDisconnectionDuration: life, MaxPackets: 1, MaxBytes: 1, MaxSessions: 1,
			OnExpire: func(ExpiredSession) {
				most.Store(max(most.Load(), running.Add(1)))
				time.Sleep(time.Millisecond)
				running.Add(-1)
				told.Add(1)
			},
		})
		lose := func() { lg.lose(&session{PID: newPID()}, nil) }
		for range rounds {
			lg.mu.Lock()
			lose()
			time.Sleep(lg.wait()) // the timer goes off and waits for the lock
			lose()                // ends the one before
			lg.mu.Unlock()
			for range 3 {
				time.Sleep(300 * time.Microsecond)
				lg.mu.Lock()
				lose()
				lg.mu.Unlock()
			}
			time.Sleep(2 * life)
			synctest.Wait()
		}
		if most.Load() != 1 || told.Load() != 5*rounds {
			t.Errorf("%d sessions were told of, want %d; %d calls at once", told.Load(), 5*rounds, most.Load())
		}
		if lg.timer != nil || lg.figures().Sessions != 0 {
			t.Errorf("%d sessions are left", lg.figures().Sessions)
		}
	})
}

// TestRecoveryExpireOnTime: sessions end in time though the newest packet's
// offset is far ahead, as after the clock was set back, and though the hook
// takes long.
func TestRecoveryExpireOnTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const life, slow = time.Second, 450 * time.Millisecond
		begun := time.Now()
		var at []time.Duration
		lg := newRecoveryLog(loneNamespace(), &Recovery{
			MaxDisconnectionDuration: life, MaxPackets: 10, MaxBytes: 1 << 20, MaxSessions: 10,
			OnExpire: func(ExpiredSession) {
				at = append(at, time.Since(begun))
				time.Sleep(slow)
			},
		})
		p := eio.NewEncodedPacket(false)
		p.End(p.Begin())
		lg.mu.Lock()
		lg.log.Keep(lg.now(), recovery.Offset{}.Next(uint64(time.Now().Add(time.Hour).UnixMilli())), keptPacket(encodedPacket{head: p}, nil, nil))
		lg.wake()
		lg.mu.Unlock()
		for range 2 {
			lg.mu.Lock()
			lg.lose(&session{PID: newPID()}, nil)
			lg.mu.Unlock()
			time.Sleep(life / 2)
		}
		time.Sleep(4 * life)
		synctest.Wait()
		want := []time.Duration{life, life + life/2}
		for i := range at {
			if i < len(want) && at[i]-want[i] > 10*time.Millisecond {
				t.Errorf("session %d was told of after %v, want %v", i, at[i], want[i])
			}
		}
		if len(at) != len(want) || lg.figures().Packets != 0 {
			t.Errorf("%d sessions were told of, want %d; %d packets are kept", len(at), len(want), lg.figures().Packets)
		}
	})
}

// loneNamespace has a server that bounds nothing over all namespaces.
func loneNamespace() *Namespace {
	srv := &Server{}
	srv.recoveryBudget.MaxBytes, srv.recoveryBudget.MaxSessions = math.MaxInt64, math.MaxInt
	return &Namespace{srv: srv}
}
