package eiotest

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// Response is an HTTP response that was read to its end.
type Response struct {
	Status int
	Header http.Header
	Body   string
}

// Do sends one request on a connection of its own and reads the response. The
// extra strings are header names and values in turn.
func Do(tb testing.TB, method, url, body string, header ...string) Response {
	tb.Helper()
	r, err := TryDo(method, url, body, header...)
	if err != nil {
		tb.Fatalf("%s %s: %v", method, url, err)
	}
	return r
}

// TryDo is [Do] for requests that may fail, and for other goroutines.
func TryDo(method, url, body string, header ...string) (Response, error) {
	request, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		return Response{}, err
	}
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	client := &http.Client{
		Transport: &http.Transport{DisableKeepAlives: true, DisableCompression: true},
		Timeout:   Timeout,
	}
	response, err := client.Do(request)
	if err != nil {
		return Response{}, err
	}
	defer response.Body.Close()
	read, err := io.ReadAll(response.Body)
	return Response{response.StatusCode, response.Header, string(read)}, err
}

// Get is [Do] with GET.
func Get(tb testing.TB, url string, header ...string) Response {
	tb.Helper()
	return Do(tb, http.MethodGet, url, "", header...)
}

// Post is [Do] with POST and a text body.
func Post(tb testing.TB, url, body string) Response {
	tb.Helper()
	return Do(tb, http.MethodPost, url, body, "Content-Type", "text/plain;charset=UTF-8")
}

// GoGet sends a GET from a goroutine; the channel yields its response, which
// has status 0 when there was none.
func GoGet(url string) <-chan Response {
	done := make(chan Response, 1)
	go func() {
		r, _ := TryDo(http.MethodGet, url, "")
		done <- r
	}()
	return done
}
