#!/bin/sh
# A small history with a branch and a merge; prints hashes, which depend on every byte of it.
# SPDX-License-Identifier: MIT
set -e
git -c init.defaultBranch=main init -q .
for n in 1 2 3 4 5; do
    seq $((n * 100)) >"file$n.txt"
    git add .
    git commit -q -m "commit $n"
done
git checkout -q -b side HEAD~2
seq 7 >side.txt
git add side.txt
git commit -q -m side
git checkout -q main
git merge -q --no-edit side
git log --format='%H %T %an %ad %s' --date=iso-strict
git diff --stat HEAD~1
git -c pack.threads=2 gc -q
git fsck --full 2>&1
git cat-file --batch-check --batch-all-objects
git grep -c 1 HEAD -- file1.txt
