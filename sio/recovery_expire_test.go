package sio

import (
	"testing"
	"testing/synctest"
	"time"
)

// TestRecoveryToldOfNothingAfterwards ends sessions while and after their log is
// stopped: the first call of OnExpire stops it.
func TestRecoveryToldOfNothingAfterwards(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var lg *recoveryLog
		told := 0
		lg = newRecoveryLog(&Namespace{srv: &Server{}}, &Recovery{
			MaxDisconnectionDuration: time.Minute, MaxPackets: 1, MaxBytes: 1, MaxSessions: 10,
			OnExpire: func(ExpiredSession) {
				told++
				lg.stop()
			},
		})
		change := func(f func(ses *session)) {
			lg.mu.Lock()
			defer lg.mu.Unlock()
			f(&session{pid: newPID()})
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
