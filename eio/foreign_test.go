package eio_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sioserver/sioserver/eio"
	"github.com/sioserver/sioserver/eio/eiotest"
	"github.com/sioserver/sioserver/eio/eiotest/listen"
	"github.com/sioserver/sioserver/loop"
)

// foreign serves h outside of the path.
func foreign(t *testing.T, cfg eio.Config, h http.HandlerFunc) *server {
	t.Helper()
	cfg.Fallback = h
	return start(t, cfg)
}

// gone waits until net/http has no connection any more.
func (s *server) gone(t *testing.T) {
	t.Helper()
	eiotest.Eventually(t, "net/http has no connection", func() bool {
		return s.Server.FallbackStats() == eio.FallbackStats{}
	})
}

// TestForeignStreams: events reach a client while the handler runs, however
// long it is silent, and the handler finds that the client has left.
func TestForeignStreams(t *testing.T) {
	next, left := make(chan string), make(chan error, 1)
	s := foreign(t, eio.Config{RequestTimeout: 50 * time.Millisecond, IdleTimeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		w.(http.Flusher).Flush()
		for {
			select {
			case text := <-next:
				fmt.Fprintf(w, "data: %s\n\n", text)
				if err := http.NewResponseController(w).Flush(); err != nil {
					t.Error(err)
				}
			case <-r.Context().Done():
				left <- r.Context().Err()
				return
			}
		}
	})
	response, err := http.Get("http://" + s.addr + "/events")
	if err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(response.Body)
	silence := time.After(200 * time.Millisecond) // longer than all time-outs
	for i := range 3 {
		if i == 2 {
			<-silence
		}
		next <- fmt.Sprint(i)
		for lines.Scan() && lines.Text() == "" {
		}
		if got, want := lines.Text(), fmt.Sprintf("data: %d", i); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	if err := response.Body.Close(); err != nil {
		t.Error(err)
	}
	if err := eiotest.Receive(t, left); err != context.Canceled {
		t.Errorf("the context's error is %v", err)
	}
	s.gone(t)
}

// zeros yields zeros without end.
type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestForeignUpload streams a body of 1 GB through the server, both ways.
func TestForeignUpload(t *testing.T) {
	const size = 1 << 30
	if testing.Short() {
		t.Skip("1 GB")
	}
	var most atomic.Uint64
	s := foreign(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) {
		if r.ContentLength != size {
			t.Errorf("ContentLength is %d", r.ContentLength)
		}
		if err := http.NewResponseController(w).EnableFullDuplex(); err != nil {
			t.Error(err)
		}
		part := make([]byte, 64<<10)
		for i := 0; ; i++ {
			n, err := r.Body.Read(part)
			if _, err := w.Write(part[:n]); err != nil {
				t.Error(err)
				return
			}
			if i%4096 == 0 {
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapInuse))
			}
			if err != nil {
				return
			}
		}
	})
	var before runtime.MemStats
	runtime.ReadMemStats(&before)
	request, err := http.NewRequest("POST", "http://"+s.addr+"/", io.LimitReader(zeros{}, size))
	if err != nil {
		t.Fatal(err)
	}
	request.ContentLength = size
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if n, err := io.Copy(io.Discard, response.Body); n != size || err != nil {
		t.Errorf("got %d bytes, %v", n, err)
	}
	if grown := int64(most.Load()) - int64(before.HeapInuse); grown > 64<<20 {
		t.Errorf("the heap has grown by %d bytes", grown)
	}
}

// TestForeignSlowReader: a client that takes nothing holds the handler back,
// takes no memory, and loses its connection in the end.
func TestForeignSlowReader(t *testing.T) {
	const most = 64 << 20
	written, failed := make(chan int, 1), make(chan error, 1)
	s := foreign(t, eio.Config{RequestTimeout: 100 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		part, total := make([]byte, 1<<20), 0
		for total < most {
			n, err := w.Write(part)
			if total += n; err != nil {
				written <- total
				failed <- err
				return
			}
		}
		written <- total
		failed <- nil
	})
	c := eiotest.DialTCP(t, s.addr)
	c.WriteString("GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
	if n := eiotest.Receive(t, written); n >= most {
		t.Errorf("%d bytes were taken", n)
	}
	if err := eiotest.Receive(t, failed); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("Write: %v", err)
	}
	s.gone(t)
}

// TestForeignSlowBody: a body must go on in time, unless the handler sets
// deadlines of its own.
func TestForeignSlowBody(t *testing.T) {
	read, proceed := make(chan error, 1), make(chan struct{})
	s := foreign(t, eio.Config{RequestTimeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/patient" {
			if err := http.NewResponseController(w).SetReadDeadline(time.Now().Add(time.Hour)); err != nil {
				t.Error(err)
			}
			close(proceed)
		}
		_, err := io.ReadAll(r.Body)
		read <- err
	})
	send := func(path string) *eiotest.Conn {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n1")
		return c
	}
	send("/")
	if err := eiotest.Receive(t, read); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("the body ended with %v", err)
	}
	c := send("/patient")
	eiotest.Receive(t, proceed)
	<-time.After(150 * time.Millisecond) // longer than RequestTimeout
	c.WriteString("2")
	if err := eiotest.Receive(t, read); err != nil {
		t.Errorf("the body ended with %v", err)
	}
}

// TestForeignProtocol has what HTTP/1.1 has beside bodies.
func TestForeignProtocol(t *testing.T) {
	s := foreign(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/trailers":
			w.Header().Set("Trailer", "X-Sum")
			b, err := io.ReadAll(r.Body)
			fmt.Fprintf(w, "%s %v", b, err)
			w.Header().Set("X-Sum", r.Trailer.Get("X-Sum")+" seen")
		case "/hints":
			w.Header().Set("Link", "</style.css>; rel=preload")
			w.WriteHeader(http.StatusEarlyHints)
			io.WriteString(w, "page")
		case "/abort":
			io.WriteString(w, "half")
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		case "/late":
			if err := http.NewResponseController(w).SetWriteDeadline(time.Now().Add(-time.Second)); err != nil {
				t.Error(err)
			}
			io.WriteString(w, "too late")
		case "/body":
			if r.Header.Get("X-Refuse") != "" {
				http.Error(w, "no", http.StatusRequestEntityTooLarge)
				return
			}
			io.Copy(w, r.Body)
		default:
			io.WriteString(w, strings.Repeat("x", 10_000))
		}
	})
	exchange := func(t *testing.T, request string) *bufio.Reader {
		t.Helper()
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString(request)
		return bufio.NewReader(c.Conn)
	}
	response := func(t *testing.T, r *bufio.Reader, method string) (*http.Response, string) {
		t.Helper()
		response, err := http.ReadResponse(r, &http.Request{Method: method})
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return response, string(b)
	}
	t.Run("trailers", func(t *testing.T) {
		r, body := response(t, exchange(t, "POST /trailers HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n2\r\nab\r\n0\r\nX-Sum: 7\r\n\r\n"), "POST")
		if body != "ab <nil>" || r.Trailer.Get("X-Sum") != "7 seen" {
			t.Errorf("got %q and %v", body, r.Trailer)
		}
	})
	t.Run("early hints", func(t *testing.T) {
		b := exchange(t, "GET /hints HTTP/1.1\r\nHost: a\r\n\r\n")
		r, _ := response(t, b, "GET")
		if r.StatusCode != 103 || r.Header.Get("Link") == "" {
			t.Errorf("got %+v", r)
		}
		if r, body := response(t, b, "GET"); r.StatusCode != 200 || body != "page" {
			t.Errorf("got %+v %q", r, body)
		}
	})
	t.Run("Expect", func(t *testing.T) {
		c := eiotest.DialTCP(t, s.addr)
		const head = "POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\nExpect: 100-continue\r\n"
		c.WriteString(head + "\r\n")
		b := bufio.NewReader(c.Conn)
		if r, _ := response(t, b, "POST"); r.StatusCode != 100 {
			t.Errorf("got %+v", r)
		}
		c.WriteString("ab")
		if _, body := response(t, b, "POST"); body != "ab" {
			t.Errorf("got %q", body)
		}
		if r, _ := response(t, exchange(t, head+"X-Refuse: 1\r\n\r\n"), "POST"); r.StatusCode != http.StatusRequestEntityTooLarge {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("no length", func(t *testing.T) {
		r, body := response(t, exchange(t, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"), "GET")
		if len(r.TransferEncoding) != 1 || len(body) != 10_000 {
			t.Errorf("got %+v", r)
		}
	})
	t.Run("HTTP/1.0", func(t *testing.T) {
		b := exchange(t, "GET / HTTP/1.0\r\n\r\n")
		if r, body := response(t, b, "GET"); len(r.TransferEncoding) != 0 || len(body) != 10_000 {
			t.Errorf("got %+v", r)
		}
		if _, err := b.ReadByte(); err != io.EOF {
			t.Errorf("the connection goes on: %v", err)
		}
	})
	t.Run("HEAD", func(t *testing.T) {
		b := exchange(t, "HEAD / HTTP/1.1\r\nHost: a\r\n\r\nGET /body HTTP/1.0\r\nContent-Length: 4\r\n\r\npage")
		if r, _ := response(t, b, "HEAD"); r.StatusCode != 200 {
			t.Errorf("got %+v", r)
		}
		if _, body := response(t, b, "GET"); body != "page" {
			t.Errorf("behind it: %q", body)
		}
	})
	t.Run("ErrAbortHandler", func(t *testing.T) {
		response, err := http.ReadResponse(exchange(t, "GET /abort HTTP/1.1\r\nHost: a\r\n\r\n"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, err := io.ReadAll(response.Body); string(b) != "half" || err != io.ErrUnexpectedEOF {
			t.Errorf("got %q, %v", b, err)
		}
	})
	t.Run("a write deadline", func(t *testing.T) {
		if b, err := io.ReadAll(exchange(t, "GET /late HTTP/1.1\r\nHost: a\r\n\r\n")); len(b) > 0 || err != nil {
			t.Errorf("got %q, %v", b, err)
		}
	})
	if n := s.Server.CallbackFailures(); n != 0 {
		t.Errorf("%d failures", n)
	}
}

// TestForeignHijack: a handler takes over the connection, with what the client
// has sent behind its request.
func TestForeignHijack(t *testing.T) {
	s := foreign(t, eio.Config{RequestTimeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) {
		conn, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		if got, ok := conn.RemoteAddr().(*net.TCPAddr); !ok || got.String() != r.RemoteAddr {
			t.Errorf("RemoteAddr is %v, want %s", got, r.RemoteAddr)
		}
		io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\n")
		for {
			line, err := buffered.ReadString('\n')
			if err != nil {
				return
			}
			io.WriteString(conn, strings.ToUpper(line))
		}
	})
	c := eiotest.DialTCP(t, s.addr)
	c.WriteString("GET /shout HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: shout\r\n\r\nat once\n")
	b := bufio.NewReader(c.Conn)
	if r, err := http.ReadResponse(b, nil); err != nil || r.StatusCode != 101 {
		t.Fatalf("got %+v, %v", r, err)
	}
	for _, line := range []string{"at once\n", "later\n"} {
		if line == "later\n" {
			<-time.After(150 * time.Millisecond) // longer than RequestTimeout
			c.WriteString(line)
		}
		if got, err := b.ReadString('\n'); got != strings.ToUpper(line) {
			t.Errorf("got %q, %v", got, err)
		}
	}
	if n := s.Server.FallbackStats().Connections; n != 1 {
		t.Errorf("%d connections", n)
	}
	c.Close()
	s.gone(t)
}

// TestForeignAlternates: pages and requests of the engine share a connection in
// any order: one after the other, all at once, or cut anywhere.
func TestForeignAlternates(t *testing.T) {
	for name, send := range map[string]func(c *eiotest.Conn, b string){
		"one after the other": (*eiotest.Conn).WriteString,
		"in pieces": func(c *eiotest.Conn, b string) {
			c.Conn.(*net.TCPConn).SetNoDelay(true)
			for len(b) > 0 {
				n := min(7, len(b))
				c.WriteString(b[:n])
				b = b[n:]
			}
		},
		"all at once": nil,
	} {
		t.Run(name, func(t *testing.T) {
			s := foreign(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) {
				b, _ := io.ReadAll(r.Body)
				fmt.Fprintf(w, "%s %s %s", r.Method, r.URL, b)
			})
			for range 4 { // on both loops
				target := strings.TrimPrefix(s.polling(t), "http://"+s.addr)
				get := func(target string) string { return "GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n" }
				post := func(target, body string) string {
					return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", target, len(body), body)
				}
				chunked := func(target, body string) string {
					return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", target, len(body), body)
				}
				steps := []struct{ request, body string }{
					{get("/page?1"), "GET /page?1 "},
					{post(target, "4a"), "ok"},
					{get(target), "4a"},
					{get("/page?2"), "GET /page?2 "},
					{get("/page?3"), "GET /page?3 "},
					{chunked(target, "4b"), "ok"},
					{post("/form", "x=1"), "POST /form x=1"},
					{get(target), "4b"},
					{chunked("/form", "x=2"), "POST /form x=2"},
					{get(s.path(target, "nobody")), `{"code":1,"message":"Session ID unknown"}`},
				}
				c := eiotest.DialTCP(t, s.addr)
				if send == nil {
					all := ""
					for _, step := range steps {
						all += step.request
					}
					c.WriteString(all)
				}
				for _, step := range steps {
					if send != nil {
						send(c, step.request)
					}
					if r := c.ReadResponse(); r.Body != step.body {
						t.Fatalf("to %q: got %+v, want %q", step.request, r, step.body)
					}
				}
				upgrade := eiotest.UpgradeRequest(strings.Replace(target, "polling", "websocket", 1))
				c.WriteString(get("/page?4") + upgrade)
				if r := c.ReadResponse(); r.Body != "GET /page?4 " {
					t.Fatalf("got %+v", r)
				}
				if r := c.ReadResponse(); r.Status != 101 {
					t.Fatalf("got %+v", r)
				}
				c.Text("2probe")
				c.Expect("3probe")
				c.Text("5", "4c")
				c.Expect("4c")
			}
			s.gone(t)
		})
	}
}

// path returns the target with another sid.
func (s *server) path(target, sid string) string {
	before, _, _ := strings.Cut(target, "&sid=")
	return before + "&sid=" + sid
}

// TestForeignReturns: a connection without a request goes back to its loop, has
// its time there, and serves on.
func TestForeignReturns(t *testing.T) {
	s := foreign(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page") })
	c := eiotest.DialTCP(t, s.addr)
	for range 2 {
		c.WriteString("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantResponse(t, c.ReadResponse(), 200, "page")
		s.gone(t)
		c.WriteString("GET /engine.io/" + handshake + " HTTP/1.1\r\nHost: a\r\n\r\n")
		sidOf(t, c.ReadResponse())
	}
	t.Run("the idle time ends there", func(t *testing.T) {
		s := foreign(t, eio.Config{IdleTimeout: 50 * time.Millisecond}, func(w http.ResponseWriter, r *http.Request) { io.WriteString(w, "page") })
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		wantResponse(t, c.ReadResponse(), 200, "page")
		c.ExpectEOF()
	})
}

// TestForeignLeavesNothing: 10,000 requests leave no goroutine, whether their
// connections are kept or closed.
func TestForeignLeavesNothing(t *testing.T) {
	s := foreign(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) { io.Copy(w, r.Body) })
	s.wantEcho(t, s.polling(t))
	http.DefaultClient.CloseIdleConnections()
	before := runtime.NumGoroutine()
	for _, transport := range []*http.Transport{{MaxIdleConnsPerHost: 10}, {DisableKeepAlives: true}} {
		client := &http.Client{Transport: transport}
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() {
				for range 500 {
					r, err := client.Post("http://"+s.addr, "text/plain", strings.NewReader("ab"))
					if err != nil {
						t.Error(err)
						return
					}
					if b, err := io.ReadAll(r.Body); string(b) != "ab" {
						t.Errorf("got %q, %v", b, err)
					}
					r.Body.Close()
				}
			})
		}
		wg.Wait()
		transport.CloseIdleConnections()
	}
	s.gone(t)
	eiotest.Eventually(t, "the goroutines are as many as before", func() bool { return runtime.NumGoroutine() <= before })
}

// TestForeignPlaces: beyond Config.MaxCallbacks connections wait, unread, for
// others to leave.
func TestForeignPlaces(t *testing.T) {
	entered, leave := make(chan string, 10), make(chan struct{})
	s := foreign(t, eio.Config{MaxCallbacks: 2}, func(w http.ResponseWriter, r *http.Request) {
		entered <- r.URL.Path
		n, err := io.Copy(io.Discard, r.Body)
		<-leave
		fmt.Fprint(w, n, err)
	})
	ask := func(path string) *eiotest.Conn {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		return c
	}
	first, second := ask("/1"), ask("/2")
	eiotest.Receive(t, entered)
	eiotest.Receive(t, entered)
	const size = 5_000_000 // more than may wait on a loop
	third := eiotest.DialTCP(t, s.addr)
	sent := make(chan error, 1)
	go func() {
		_, err := fmt.Fprintf(third, "POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("x", size))
		sent <- err
	}()
	eiotest.Eventually(t, "one waits", func() bool {
		return s.Server.FallbackStats() == eio.FallbackStats{Connections: 2, Waiting: 1}
	})
	s.wantEcho(t, s.polling(t)) // the engine's do not
	leave <- struct{}{}
	if path := eiotest.Receive(t, entered); path != "/3" {
		t.Errorf("got %s", path)
	}
	close(leave)
	if err := eiotest.Receive(t, sent); err != nil {
		t.Error(err)
	}
	wantResponse(t, third.ReadResponse(), 200, fmt.Sprint(size, nil))
	for _, c := range []*eiotest.Conn{first, second} {
		wantResponse(t, c.ReadResponse(), 200, fmt.Sprint(0, nil))
	}
}

// TestCloseFallback waits for handlers, and in the end not any more.
func TestCloseFallback(t *testing.T) {
	entered, leave := make(chan struct{}), make(chan struct{})
	ended := make(chan error, 1)
	s := foreign(t, eio.Config{}, func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		entered <- struct{}{}
		if r.URL.Path == "/stays" {
			<-r.Context().Done()
			ended <- r.Context().Err()
			return
		}
		<-leave
		io.WriteString(w, "done")
	})
	ask := func(path string) *eiotest.Conn {
		c := eiotest.DialTCP(t, s.addr)
		c.WriteString("GET " + path + " HTTP/1.1\r\nHost: a\r\n\r\n")
		eiotest.Receive(t, entered)
		return c
	}
	idle := ask("/")
	leave <- struct{}{}
	idle.ReadResponse()
	finishes := ask("/finishes")
	ask("/stays")
	ctx, cancel := context.WithCancel(t.Context())
	closed := make(chan error, 1)
	go func() { closed <- s.Server.CloseFallback(ctx) }()
	idle.ExpectEOF()
	late := eiotest.DialTCP(t, s.addr)
	late.WriteString("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	late.ExpectEOF()
	leave <- struct{}{}
	wantResponse(t, finishes.ReadResponse(), 200, "done")
	cancel()
	if err := eiotest.Receive(t, closed); err != context.Canceled {
		t.Errorf("CloseFallback: %v", err)
	}
	if err := eiotest.Receive(t, ended); err != context.Canceled {
		t.Errorf("the handler's context: %v", err)
	}
	s.gone(t)
}

// TestForeignCannotLeave: connections that goroutines drive, and that are more
// than a descriptor, are answered nevertheless.
func TestForeignCannotLeave(t *testing.T) {
	srv, err := eio.NewServer(eio.Config{Fallback: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, err := io.ReadAll(r.Body)
		fmt.Fprintf(w, "%s %v", b, err)
	})}, &echo{})
	if err != nil {
		t.Fatal(err)
	}
	engine := listen.Loopback(t, srv, loop.Config{Loops: 1})
	near, far := net.Pipe()
	defer far.Close()
	if err := engine.Adopt(near, nil, srv.Accept); err != nil {
		t.Fatal(err)
	}
	b := bufio.NewReader(far)
	for range 2 {
		io.WriteString(far, "POST /page HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nab")
		r, err := http.ReadResponse(b, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(r.Body); string(body) != "ab <nil>" || err != nil {
			t.Errorf("got %q, %v", body, err)
		}
	}
}
