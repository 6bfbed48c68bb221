package loop_test

import (
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop"
	"github.com/sioserver/sioserver/loop/looptest"
)

// TestTimersWaitForReading has the clock jump, as when the process was stopped:
// what the peer has sent meanwhile is read before a timer fires.
func TestTimersWaitForReading(t *testing.T) {
	for _, stop := range []time.Duration{60 * time.Second, 500 * time.Millisecond} {
		lt := looptest.New(t)
		l := lt.Loop()
		var log []string
		r := &recorder{data: func(_ *loop.Conn, b []byte) { log = append(log, string(b)) }}
		peer := lt.Connect(r.accept)
		l.PostFunc(func() { l.AfterFunc(100*time.Millisecond, func() { log = append(log, "timer") }) })
		lt.Run()
		lt.Stop(stop)
		// The kernel has more than one poll reports.
		lt.SetUnread(true)
		for range 3 {
			peer.Feed([]byte("data"))
		}
		lt.SetUnread(false)
		lt.Advance(time.Second)
		if len(log) != 4 || log[3] != "timer" {
			t.Errorf("stopped for %v: %q", stop, log)
		}
		if st := lt.Stats(); st.Lags != 1 || st.LagTime < stop-200*time.Millisecond || st.LagTime > stop {
			t.Errorf("stopped for %v: %d lags, %v late", stop, st.Lags, st.LagTime)
		}
	}
}

// TestTimersFireAtLast: peers that never stop sending can't hold up the timers.
func TestTimersFireAtLast(t *testing.T) {
	lt := looptest.New(t)
	l := lt.Loop()
	fired := false
	l.PostFunc(func() { l.AfterFunc(100*time.Millisecond, func() { fired = true }) })
	lt.Run()
	lt.Stop(time.Minute)
	lt.SetUnread(true)
	peer := lt.Connect((&recorder{}).accept)
	for range 49 {
		peer.Feed([]byte("x"))
		lt.Stop(100 * time.Millisecond)
	}
	if fired {
		t.Error("the timer fired while something was unread")
	}
	for range 3 {
		peer.Feed([]byte("x"))
		lt.Stop(100 * time.Millisecond)
	}
	if !fired {
		t.Error("the timer has not fired after 5 s")
	}
}

// TestTimersOnTimeDoNotAsk: the poller is not asked by a loop that is on time.
func TestTimersOnTimeDoNotAsk(t *testing.T) {
	lt := looptest.New(t)
	lt.SetUnread(true)
	fired := 0
	lt.Loop().PostFunc(func() {
		for i := range 100 {
			lt.Loop().AfterFunc(time.Duration(i)*time.Second, func() { fired++ })
		}
	})
	lt.Advance(100 * time.Second)
	if fired != 100 {
		t.Errorf("%d timers have fired", fired)
	}
}
