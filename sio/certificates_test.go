package sio_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sioserver/sioserver/sio"
)

// writeCertificate writes a certificate with a name to two files of folder.
func writeCertificate(t *testing.T, folder, name string) (certFile, keyFile string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotAfter: time.Now().Add(1000 * time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, DNSNames: []string{"example.com"},
		IsCA: true, BasicConstraintsValid: true,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	certFile, keyFile = filepath.Join(folder, "cert.pem"), filepath.Join(folder, "key.pem")
	for file, block := range map[string]*pem.Block{certFile: {Type: "CERTIFICATE", Bytes: cert}, keyFile: {Type: "PRIVATE KEY", Bytes: der}} {
		if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certFile, keyFile
}

// TestCertificatesAreReloaded: files that have changed are read again, after a
// while or when asked for. Until they fit each other, the last certificate
// stays in use.
func TestCertificatesAreReloaded(t *testing.T) {
	folder := t.TempDir()
	certFile, keyFile := writeCertificate(t, folder, "first")
	synctest.Test(t, func(t *testing.T) {
		var failures []error
		c, err := sio.LoadCertificates(certFile, keyFile, func(err error) { failures = append(failures, err) })
		if err != nil {
			t.Fatal(err)
		}
		want := func(name string) {
			t.Helper()
			cert, err := c.Get(nil)
			if err != nil || cert.Leaf.Subject.CommonName != name {
				t.Fatalf("certificate of %q, %v; want %q", cert.Leaf.Subject.CommonName, err, name)
			}
		}
		want("first")
		writeCertificate(t, folder, "second, which is longer")
		want("first")
		time.Sleep(10 * time.Second)
		want("second, which is longer")

		if err := os.WriteFile(keyFile, []byte("half"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		want("second, which is longer")
		want("second, which is longer")
		if len(failures) != 1 {
			t.Errorf("failures: %v", failures)
		}
		if err := c.Reload(); err == nil {
			t.Error("Reload reports no failure")
		}
		writeCertificate(t, folder, "third")
		if err := c.Reload(); err != nil {
			t.Error(err)
		}
		want("third")
		os.Remove(certFile)
		time.Sleep(10 * time.Second)
		want("third")
		if len(failures) != 2 {
			t.Errorf("failures: %v", failures)
		}
	})
	if _, err := sio.LoadCertificates(certFile, keyFile, nil); err == nil {
		t.Error("a missing file is not reported")
	}
}

// serverTLS is a config with a certificate, and one for clients with one of
// their own.
func serverTLS(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	certFile, keyFile := writeCertificate(t, t.TempDir(), "a server")
	pair, err := tls.LoadX509KeyPair(certFile, keyFile)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(pair.Leaf)
	return &tls.Config{Certificates: []tls.Certificate{pair}, ClientCAs: roots, ClientAuth: tls.VerifyClientCertIfGiven},
		&tls.Config{Certificates: []tls.Certificate{pair}, RootCAs: roots, ServerName: "example.com"}
}
