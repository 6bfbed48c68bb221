package http1

import "testing"

func TestEncoding(t *testing.T) {
	poll := []string{"gzip", "deflate"}
	bundle := []string{"br", "gzip", "deflate"}
	tests := []struct {
		accept  string
		offered []string
		want    string
	}{
		{"gzip, deflate", poll, "gzip"},
		{"deflate, gzip", poll, "deflate"},
		{"deflate,GZIP;q=1.000", poll, "deflate"},
		{"deflate;q=0.5, gzip;q=0.8", poll, "gzip"},
		{"gzip;q=0.1, deflate; Q = 0.101", poll, "deflate"},
		{"gzip, deflate, br", bundle, "gzip"},
		{"br;q=0.9, gzip;q=0.8", bundle, "br"},
		{"*", poll, "gzip"},
		{"*", bundle, "br"},
		{"*, deflate", poll, "deflate"},
		{"gzip;q=0, *", poll, "deflate"},
		{"*, gzip;q=0", poll, "deflate"},
		{"*;q=0", poll, ""},
		{"*;q=0, gzip", poll, "gzip"},
		{"gzip;q=0.000", poll, ""},
		{"gzip;q=0, gzip", poll, "gzip"},
		{"gzip;q=0.2, deflate;q=0.3, gzip;q=0.4", poll, "gzip"},
		{"identity", poll, ""},
		{"br", poll, ""},
		{"", poll, ""},
		{",;,", poll, ""},
		{"gzip;q=", poll, ""},
		{"gzip;q=2", poll, ""},
		{"gzip;q=-1", poll, ""},
		{"gzip;q=0.1234", poll, ""},
		{"gzip;q=01", poll, ""},
		{"gzip;q=0.", poll, ""},
		{"gzip;q=1.9", poll, "gzip"},
		{"gzip;x=y", poll, "gzip"},
		{"xgzip", poll, ""},
		{"gzip", nil, ""},
	}
	for _, tt := range tests {
		if got := Encoding([]byte(tt.accept), tt.offered...); got != tt.want {
			t.Errorf("Encoding(%q, %v) = %q, want %q", tt.accept, tt.offered, got, tt.want)
		}
	}
}
