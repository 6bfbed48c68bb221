package demo

import (
	"bytes"
	"embed"
	"fmt"
	"html"
	"io/fs"
	"net/http"
)

//go:embed page
var files embed.FS

// policy lets the page load nothing from elsewhere and run nothing inline.
const policy = "default-src 'self'; style-src-attr 'unsafe-inline'; connect-src 'self' ws: wss:; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page returns the handler of the demo's page, at /, and of its parts, below
// /demo/; everything else is 404. socketPath is the path of the Socket.IO
// server. The handler is safe for concurrent use.
func Page(socketPath string) (http.Handler, error) {
	page, err := files.ReadFile("page/index.html")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	// html/template would keep the linker from leaving out methods that are not
	// called, which makes the program a third larger.
	index := bytes.ReplaceAll(page, []byte("{{.Path}}"), []byte(html.EscapeString(socketPath)))
	parts, err := fs.Sub(files, "page")
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	mux := http.NewServeMux()
	mux.Handle("GET /demo/", http.StripPrefix("/demo/", http.FileServerFS(parts)))
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(index) // the peer is gone when this fails
	})
	return withHeaders(mux), nil
}

// withHeaders adds the headers that every answer has.
func withHeaders(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-cache")
		next.ServeHTTP(w, r)
	})
}
