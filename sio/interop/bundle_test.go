package interop

import (
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/sioserver/sioserver/sio"
)

// fetch gives the status, headers and body of a GET without compression.
func fetch(t *testing.T, url string) (int, http.Header, string) {
	t.Helper()
	request, err := http.NewRequest("GET", url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept-Encoding", "identity")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, response.Header, string(body)
}

// TestBundle serves the client of the npm package byte for byte, and leaves
// every other address to the engine.
func TestBundle(t *testing.T) {
	const dist = "node_modules/socket.io-client/dist"
	need(t, nil, dist)
	_, url := serve(t, sio.Config{Client: os.DirFS(dist)}, func(*sio.Server) {})
	for _, name := range []string{"socket.io.js", "socket.io.min.js", "socket.io.esm.min.js", "socket.io.msgpack.min.js"} {
		for _, file := range []string{name, name + ".map"} {
			want, err := os.ReadFile(dist + "/" + file)
			if err != nil {
				t.Fatal(err)
			}
			status, header, body := fetch(t, url+"/socket.io/"+file+"?v=1")
			if status != http.StatusOK || header.Get("ETag") != `"4.8.4"` || body != string(want) {
				t.Errorf("%s: status %d, ETag %s, %d bytes of %d", file, status, header.Get("ETag"), len(body), len(want))
			}
		}
	}
	_, bare := serve(t, sio.Config{NoClient: true}, func(*sio.Server) {})
	for _, address := range []string{url + "/socket.io/foo.js", bare + "/socket.io/socket.io.js"} {
		status, _, body := fetch(t, address)
		if status != http.StatusBadRequest || body != `{"code":0,"message":"Transport unknown"}` {
			t.Errorf("%s: status %d, body %s", address, status, body)
		}
	}
	_, empty := serve(t, sio.Config{}, func(*sio.Server) {})
	status, _, body := fetch(t, empty+"/socket.io/socket.io.js")
	if status != http.StatusNotFound || !strings.Contains(body, "make client") {
		t.Errorf("without a bundle: status %d, body %s", status, body)
	}
}
