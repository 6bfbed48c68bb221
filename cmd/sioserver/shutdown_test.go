package main

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/cmd/sioserver/settings"
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

// shutdownWithin returns settings with a -shutdown-timeout.
func shutdownWithin(d time.Duration) (c settings.Command) {
	c.ShutdownTimeout.Duration = d
	return c
}

func TestSecondSignalEndsAtOnce(t *testing.T) {
	srv, log, release := stuck(t)
	defer close(release)
	signals, ended := make(chan os.Signal), make(chan int, 1)
	go func() { ended <- (&program{Command: shutdownWithin(time.Hour), srv: srv, log: log}).serve(signals) }()
	signals <- os.Interrupt
	signals <- os.Interrupt // an echo of the first
	signals <- syscall.SIGTERM
	if code := end(t, ended); code != exitError {
		t.Errorf("exit code %d, want %d: a handler was still running", code, exitError)
	}
}

// TestEcho sends signals at times after the first one.
func TestEcho(t *testing.T) {
	for _, c := range []struct {
		name   string
		signal os.Signal
		after  time.Duration
		second bool
	}{
		{"at once", os.Interrupt, 0, false},
		{"soon", os.Interrupt, 199 * time.Millisecond, false},
		{"later", os.Interrupt, 200 * time.Millisecond, true},
		{"another", syscall.SIGTERM, 0, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				signals, returned := make(chan os.Signal), make(chan struct{})
				go func() {
					awaitSecond(ctx, os.Interrupt, signals)
					close(returned)
				}()
				synctest.Wait()
				time.Sleep(c.after)
				signals <- c.signal
				synctest.Wait()
				select {
				case <-returned:
					if !c.second {
						t.Error("an echo counts")
					}
				default:
					if c.second {
						t.Error("the second signal does not count")
					}
				}
			})
		})
	}
}

func TestShutdownIsBounded(t *testing.T) {
	srv, log, release := stuck(t)
	defer close(release)
	signals, ended := make(chan os.Signal), make(chan int, 1)
	go func() {
		ended <- (&program{Command: shutdownWithin(time.Millisecond), srv: srv, log: log}).serve(signals)
	}()
	signals <- os.Interrupt
	if code := end(t, ended); code != exitError {
		t.Errorf("exit code %d, want %d: a handler was still running", code, exitError)
	}
}

func TestShutdownWaitsForHandlers(t *testing.T) {
	srv, log, release := stuck(t)
	signals, ended := make(chan os.Signal), make(chan int, 1)
	go func() { ended <- (&program{Command: shutdownWithin(time.Hour), srv: srv, log: log}).serve(signals) }()
	signals <- os.Interrupt
	close(release)
	if code := end(t, ended); code != exitDone {
		t.Errorf("exit code %d, want %d: the handler had finished", code, exitDone)
	}
}
