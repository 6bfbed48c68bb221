package sio_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/loop/looptest/wait"
	"github.com/sioserver/sioserver/sio"
)

// nothingWaits fails if a figure of what waits is not 0 when all is over.
func nothingWaits(t *testing.T, f *fixture) {
	t.Helper()
	st := f.Stats()
	if st.Pending != 0 || st.PendingBytes != 0 || st.PendingStranded != 0 || st.PendingLate != 0 || st.PendingLateBytes != 0 || st.Handshakes.Bytes != 0 || st.DynamicNamespaces != 0 {
		t.Errorf("%+v", st)
	}
}

// TestShutdownWhileAsked: the loops end while a parent is asked whether a
// namespace may be.
func TestShutdownWhileAsked(t *testing.T) {
	asked, release := make(chan bool, 1), make(chan bool)
	f := serve(t, sio.Config{}, func(f *fixture) {
		f.OfFunc(func(string, json.RawMessage) bool {
			asked <- true
			<-release
			return true
		})
	})
	f.dial(t).send("40/x,")
	wait.For(t, "question", asked)
	ended := make(chan error, 1)
	go func() { ended <- f.Shutdown(context.Background()) }()
	wait.For(t, "end of the loops", f.LoopsEnded())
	close(release)
	if err := wait.For(t, "end of Shutdown", ended); err != nil {
		t.Error(err)
	}
	nothingWaits(t, f)
}

// TestShutdownWhileAwaited: the loops end while a client that comes back waits
// for the end of its old connection.
func TestShutdownWhileAwaited(t *testing.T) {
	f := recoveringParent(t, sio.Recovery{MaxDisconnectionDuration: time.Hour})
	var id identity
	w, _ := f.enter(t, &id)
	w.send(`42/p,["echo","x"]`)
	id.Offset = w.wantOffset(`42/p,["echo","x"]`)
	again := f.dial(t)
	again.send(strings.Replace(id.connect(), "40", "40/p,", 1))
	wait.Until(t, "it waits", func() bool { return f.Stats().Pending > 0 })
	if err := f.Shutdown(context.Background()); err != nil {
		t.Error(err)
	}
	nothingWaits(t, f)
}
