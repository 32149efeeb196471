#!/usr/bin/perl
# A Perl program of hashes, regular expressions, sorting and fork; prints the same each time.
# SPDX-License-Identifier: MIT
use strict;
use warnings;

my %count;
my $seed = 1;
for my $i (1 .. 20000) {
    $seed = ($seed * 1103515245 + 12345) % 2147483648;
    my $word = sprintf("w%03d", $seed % 500);
    $count{$word}{n}++;
    push @{ $count{$word}{at} }, $i if $i % 7 == 0;
}
for my $word ((sort { $count{$b}{n} <=> $count{$a}{n} || $a cmp $b } keys %count)[0 .. 9]) {
    print "$word $count{$word}{n} ", scalar(@{ $count{$word}{at} || [] }), "\n";
}

my $text = join ' ', map { "key$_=value" . ($_ * $_) } 1 .. 2000;
my $sum = 0;
$sum += $2 while $text =~ /(key\d+)=value(\d+)/g;
print "sum $sum\n";
(my $changed = $text) =~ s/value(\d)/v$1/g;
print length($changed), "\n";

$| = 1;
for my $n (1 .. 3) {
    my $pid = fork() // die "fork: $!";
    if ($pid == 0) {
        print "child $n ", join('', map { chr(97 + $_ % 26) } 1 .. 100 * $n), "\n";
        exit $n;
    }
    waitpid $pid, 0;
    print "status ", $? >> 8, "\n";
}
print "echo: ", `echo from a shell`;
local $SIG{ALRM} = sub { print "alarm\n" };
kill ALRM => $$;
eval { die { code => 42 } };
print "caught $@->{code}\n";
