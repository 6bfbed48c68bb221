package main

import (
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// stuck starts a server with a client whose connection handler waits for
// release, which the caller closes.
func stuck(t *testing.T) (srv *sio.Server, log *slog.Logger, release chan struct{}) {
	t.Helper()
	log = slog.New(slog.NewTextHandler(io.Discard, nil))
	srv, err := sio.New(sio.Config{Logger: log})
	if err != nil {
		t.Fatal(err)
	}
	entered, release := make(chan struct{}), make(chan struct{})
	srv.OnConnection(func(*sio.Socket) {
		close(entered)
		<-release
	})
	if err := srv.Listen("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	url := "http://" + srv.Addr().String() + "/socket.io/?EIO=4&transport=polling"
	_, open := get(t, url)
	sid, _, _ := strings.Cut(strings.TrimPrefix(open, `0{"sid":"`), `"`)
	response, err := http.Post(url+"&sid="+sid, "text/plain", strings.NewReader("40"))
	if err != nil {
		t.Fatal(err)
	}
	response.Body.Close()
	<-entered
	return srv, log, release
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	srv, log, release := stuck(t)
	defer close(release)
	signals, ended := make(chan os.Signal), make(chan int, 1)
	go func() { ended <- serve(srv, log, options{shutdownTimeout: time.Hour}, signals) }()
	signals <- os.Interrupt
	signals <- os.Interrupt
	if code := end(t, ended); code != exitError {
		t.Errorf("exit code %d, want %d: a handler was still running", code, exitError)
	}
}

func TestShutdownIsBounded(t *testing.T) {
	srv, log, release := stuck(t)
	defer close(release)
	signals, ended := make(chan os.Signal), make(chan int, 1)
	go func() { ended <- serve(srv, log, options{shutdownTimeout: time.Millisecond}, signals) }()
	signals <- os.Interrupt
	if code := end(t, ended); code != exitError {
		t.Errorf("exit code %d, want %d: a handler was still running", code, exitError)
	}
}

func TestShutdownWaitsForHandlers(t *testing.T) {
	srv, log, release := stuck(t)
	signals, ended := make(chan os.Signal), make(chan int, 1)
	go func() { ended <- serve(srv, log, options{shutdownTimeout: time.Hour}, signals) }()
	signals <- os.Interrupt
	close(release)
	if code := end(t, ended); code != exitDone {
		t.Errorf("exit code %d, want %d: the handler had finished", code, exitDone)
	}
}
